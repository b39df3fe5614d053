"""Values that tasks find in their environment, some of them secret."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Ciphertext, LongText, UtcDateTime


class Variable(SQLModel, table=True):
    """A named value: its owner's, or everyone's."""

    __tablename__ = "variables"
    __table_args__ = (UniqueConstraint("scope", "name"), Index("ix_variables_owner_id", "owner_id"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=100)
    #: Whom the name is for: "everyone", or "user:ID", also when that user is gone.
    scope: str = Field(max_length=32)
    #: None for everyone's, and when the owner is gone.
    owner_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="SET NULL")]
    )
    secret: bool
    #: Of a plain one.
    value: str = Field(default="", sa_type=LongText)
    #: Of a secret one.
    sealed: str = Field(default="", sa_type=Ciphertext)
    description: str = Field(default="", max_length=1000)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str = Field(default="", max_length=64)
