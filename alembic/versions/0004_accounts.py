"""API keys, second factor, invitations, throttles

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from common.db import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# SQLite alters by copying the table, and does not see by itself that ids are never given again.
_KEEP = {"sqlite_autoincrement": True}
_OPTIONS = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "sqlite_autoincrement": True,
}
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_USER_COLUMNS = (
    ("display_name", sa.String(100), ""),
    ("email", sa.String(255), ""),
    ("language", sa.String(8), ""),
    ("must_change_password", sa.Boolean(), sa.false()),
    ("totp_step", sa.BigInteger(), "0"),
)


def upgrade() -> None:

    op.create_table(
        "api_keys",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_used_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"),
        **_OPTIONS,
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id"), ondelete="CASCADE"),
        **_OPTIONS,
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("user_id", _ID, autoincrement=False, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invitations_user_id"), ondelete="CASCADE"),
        **_OPTIONS,
    )
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("used_until", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttles")),
        **_OPTIONS,
    )
    op.create_index("ix_throttles_used_until", "throttles", ["used_until"])

    with op.batch_alter_table("users", schema=None, table_kwargs=_KEEP) as batch_op:
        for name, kind, default in _USER_COLUMNS:
            batch_op.add_column(sa.Column(name, kind, server_default=default, nullable=False))
        batch_op.add_column(sa.Column("totp_secret", types.Ciphertext(), nullable=True))

    with op.batch_alter_table("user_sessions", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.add_column(sa.Column("method", sa.String(16), server_default="password", nullable=False))
        batch_op.add_column(sa.Column("address", sa.String(64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("last_seen_at", types.UtcDateTime(), nullable=True))


def downgrade() -> None:

    with op.batch_alter_table("user_sessions", schema=None, table_kwargs=_KEEP) as batch_op:
        for name in ("last_seen_at", "address", "method"):
            batch_op.drop_column(name)

    with op.batch_alter_table("users", schema=None, table_kwargs=_KEEP) as batch_op:
        batch_op.drop_column("totp_secret")
        for name, _kind, _default in reversed(_USER_COLUMNS):
            batch_op.drop_column(name)

    for table in ("throttles", "invitations", "recovery_codes", "api_keys"):
        op.drop_table(table)
