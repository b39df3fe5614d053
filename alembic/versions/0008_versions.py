"""versions of tasks, and when output came

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "task_versions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_versions")),
        sa.UniqueConstraint("task_id", "version", name=op.f("uq_task_versions_task_id_version")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_versions_task_id"), ondelete="CASCADE"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        sqlite_autoincrement=True,
    )
    op.add_column("tasks", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("executions", sa.Column("version", sa.Integer(), nullable=True))
    op.add_column("executions", sa.Column("timing", sa.JSON(), nullable=True))
    op.add_column("attempts", sa.Column("timing", sa.JSON(), nullable=True))
    op.add_column("execution_output", sa.Column("lines", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("execution_output", "lines")
    op.drop_column("attempts", "timing")
    op.drop_column("executions", "timing")
    op.drop_column("executions", "version")
    op.drop_column("tasks", "version")
    op.drop_table("task_versions")
