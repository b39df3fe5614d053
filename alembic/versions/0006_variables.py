"""variables

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "variables",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.Column("value", types.LongText, nullable=False),
        sa.Column("sealed", types.Ciphertext(), nullable=False),
        sa.Column("description", sa.String(1000), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variables")),
        sa.UniqueConstraint("scope", "name", name=op.f("uq_variables_scope_name")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_variables_owner_id"), ondelete="SET NULL"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_variables_owner_id", "variables", ["owner_id"])


def downgrade() -> None:
    op.drop_table("variables")
