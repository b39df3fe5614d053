"""calendars, times of pausing, gaps without a scheduler

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite alters by copying the table, and does not see by itself that ids are never given again.
_KEEP = {"sqlite_autoincrement": True}


def upgrade() -> None:

    op.create_table(
        "calendars",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("country", sa.String(8), nullable=False),
        sa.Column("subdivision", sa.String(32), nullable=False),
        sa.Column("dates", sa.JSON(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendars")),
        sa.UniqueConstraint("name", name=op.f("uq_calendars_name")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "facts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facts")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "scheduler_gaps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduler_gaps")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("scheduler_gaps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ended_at"), ["ended_at"], unique=False)

    with op.batch_alter_table("tasks", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.add_column(sa.Column("paused_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("paused_by", sa.String(64), server_default="", nullable=False))

    with op.batch_alter_table("schedules", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.add_column(
            sa.Column("calendar_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("calendar_name", sa.String(64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("calendar_rule", sa.String(16), server_default="", nullable=False))
        batch_op.add_column(sa.Column("runs_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("paused_from", types.UtcDateTime(), nullable=True))
        batch_op.create_index(batch_op.f("ix_calendar_id"), ["calendar_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_schedules_calendar_id"), "calendars", ["calendar_id"], ["id"])


def downgrade() -> None:

    with op.batch_alter_table("schedules", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_schedules_calendar_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_calendar_id"))
        batch_op.drop_column("paused_from")
        batch_op.drop_column("runs_at")
        batch_op.drop_column("calendar_rule")
        batch_op.drop_column("calendar_name")
        batch_op.drop_column("calendar_id")

    with op.batch_alter_table("tasks", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.drop_column("paused_by")
        batch_op.drop_column("paused_at")

    op.drop_table("scheduler_gaps")
    op.drop_table("facts")
    op.drop_table("calendars")
