"""Whom a provider's identity belongs to."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, UtcDateTime


class UserIdentity(SQLModel, table=True):
    """An identity at an OpenID Connect provider with which a user signs in; of each provider a user has one."""

    __tablename__ = "user_identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        Index("ix_user_identities_user_id", "user_id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    user_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")])
    issuer: str = Field(max_length=255)
    #: The provider's own name for somebody, which it gives to nobody else.
    subject: str = Field(max_length=255)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_login_at: datetime = Field(sa_type=UtcDateTime)
