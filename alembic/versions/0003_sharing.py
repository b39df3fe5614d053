"""audit log, teams, shared tasks, who may create code

Until here everybody saw every task. So that nothing vanishes for anybody, tasks that exist are shared with a team of
all who exist; administrators take it apart when they like.

Revision ID: 0003
Revises: 0002
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEEP = {"sqlite_autoincrement": True}
_OPTIONS = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "sqlite_autoincrement": True,
}
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EVERYONE = "Everyone"
_EDIT = 3


def upgrade() -> None:

    op.create_table(
        "audit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("object_kind", sa.String(32), nullable=False),
        sa.Column("object_id", sa.String(64), nullable=False),
        sa.Column("object_name", sa.String(200), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        **_OPTIONS,
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_actor_id", "audit", ["actor", "id"])
    op.create_index("ix_audit_action_id", "audit", ["action", "id"])
    op.create_index("ix_audit_object", "audit", ["object_kind", "object_id", "id"])

    op.create_table(
        "teams",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(100), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name_key", name=op.f("uq_teams_name_key")),
        **_OPTIONS,
    )
    op.create_table(
        "team_members",
        sa.Column("id", _ID, nullable=False),
        sa.Column("team_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_members")),
        sa.UniqueConstraint("user_id", "team_id", name=op.f("uq_team_members_user_id_team_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_team_members_user_id"), ondelete="CASCADE"),
        **_OPTIONS,
    )
    op.create_index("ix_team_members_team_id", "team_members", ["team_id"])
    op.create_table(
        "task_shares",
        sa.Column("id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("team_id", _ID, nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_shares")),
        sa.UniqueConstraint("user_id", "task_id", name=op.f("uq_task_shares_user_id_task_id")),
        sa.UniqueConstraint("team_id", "task_id", name=op.f("uq_task_shares_team_id_task_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_shares_task_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_task_shares_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_task_shares_team_id"), ondelete="CASCADE"),
        **_OPTIONS,
    )
    op.create_index("ix_task_shares_task_id", "task_shares", ["task_id"])

    with op.batch_alter_table("users", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.add_column(sa.Column("may_create_code", sa.Boolean(), server_default=sa.true(), nullable=False))

    _share_what_is_there(op.get_bind())


def _share_what_is_there(connection: sa.Connection) -> None:
    users = sa.table("users", sa.column("id"), sa.column("role"))
    tasks = sa.table("tasks", sa.column("id"))
    teams = sa.table(
        "teams",
        sa.column("id"),
        sa.column("name"),
        sa.column("name_key"),
        sa.column("created_at", types.UtcDateTime()),
    )
    members = sa.table("team_members", sa.column("team_id"), sa.column("user_id"))
    shares = sa.table("task_shares", sa.column("task_id"), sa.column("team_id"), sa.column("level"))
    others = connection.scalar(sa.select(sa.func.count()).select_from(users).where(users.c.role != "administrator"))
    if not others or not connection.scalar(sa.select(sa.func.count()).select_from(tasks)):
        return
    connection.execute(teams.insert().values(name=_EVERYONE, name_key=_EVERYONE.lower(), created_at=datetime.now(UTC)))
    team = connection.scalar(sa.select(teams.c.id).where(teams.c.name_key == _EVERYONE.lower()))
    connection.execute(members.insert().from_select(["team_id", "user_id"], sa.select(sa.literal(team), users.c.id)))
    connection.execute(
        shares.insert().from_select(
            ["task_id", "team_id", "level"], sa.select(tasks.c.id, sa.literal(team), sa.literal(_EDIT))
        )
    )


def downgrade() -> None:

    with op.batch_alter_table("users", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.drop_column("may_create_code")

    op.drop_table("task_shares")
    op.drop_table("team_members")
    op.drop_table("teams")
    op.drop_table("audit")
