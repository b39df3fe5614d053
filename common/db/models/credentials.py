"""What people prove who they are with, besides a password: API keys, recovery codes, invitations.

And how often that has been tried.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, UtcDateTime


class ApiKey(SQLModel, table=True):
    """A key that a program signs its requests with: shown once, of which a digest is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_user_id", "user_id"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    user_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")])
    name: str = Field(max_length=100)
    #: How it begins, so that its owner can tell one from another.
    prefix: str = Field(max_length=16)
    key_hash: str = Field(max_length=64, unique=True)
    #: What it may be used for, some of `common.domain.permissions.SCOPES` with blanks between.
    scopes: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    #: Written at most once a minute.
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RecoveryCode(SQLModel, table=True):
    """A code that stands in for the second factor once; a used one is deleted."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("ix_recovery_codes_user_id", "user_id"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    user_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")])
    code_hash: str = Field(max_length=64)


class Invitation(SQLModel, table=True):
    """A one-time link with which somebody chooses a password: one row a user, or none."""

    __tablename__ = "invitations"
    __table_args__ = TABLE_OPTIONS

    user_id: int = Field(
        primary_key=True,
        sa_type=BigId,
        sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")],
        sa_column_kwargs={"autoincrement": False},
    )
    token_hash: str = Field(max_length=64, unique=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Throttle(SQLModel, table=True):
    """How much of its allowance something has used up, as one instant (`common.domain.allowance`)."""

    __tablename__ = "throttles"
    __table_args__ = (Index("ix_throttles_used_until", "used_until"), TABLE_OPTIONS)

    key: str = Field(primary_key=True, max_length=80)
    used_until: datetime = Field(sa_type=UtcDateTime)
