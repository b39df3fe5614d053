"""workers: asked to take nothing more; how busy their machines are

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NAMES = ("drain_asked_at", "drain_asked_by", "cpu_percent", "memory_used", "memory_total")


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("workers", sa.Column("drain_asked_at", types.UtcDateTime(), nullable=True))
    op.add_column("workers", sa.Column("drain_asked_by", sa.String(64), nullable=False, server_default=""))
    op.add_column("workers", sa.Column("cpu_percent", sa.Double(), nullable=True))
    op.add_column("workers", sa.Column("memory_used", big, nullable=True))
    op.add_column("workers", sa.Column("memory_total", big, nullable=True))


def downgrade() -> None:
    for name in _NAMES:
        op.drop_column("workers", name)
