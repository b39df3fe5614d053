"""data sources

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "data_sources",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("database", sa.String(1000), nullable=False),
        sa.Column("username", sa.String(200), nullable=False),
        sa.Column("sealed", types.Ciphertext(), nullable=False),
        sa.Column("tls", sa.String(10), nullable=False),
        sa.Column("tls_ca", types.LongText, nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("statement_timeout", sa.Double(), nullable=True),
        sa.Column("description", sa.String(1000), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_sources")),
        sa.UniqueConstraint("scope", "name", name=op.f("uq_data_sources_scope_name")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_data_sources_owner_id"), ondelete="SET NULL"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_data_sources_owner_id", "data_sources", ["owner_id"])


def downgrade() -> None:
    op.drop_table("data_sources")
