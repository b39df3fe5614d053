"""Files that people bring, for tasks to read; their bytes are in the store (`common.artifacts`)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, UtcDateTime


class Upload(SQLModel, table=True):
    """A file of somebody's, or everyone's. Never changed: another file is another upload."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("store_key"), Index("ix_uploads_owner_id", "owner_id"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=255)
    #: Whose tasks may read it: "everyone", or "user:ID", also when that user is gone.
    scope: str = Field(max_length=32)
    #: None for everyone's, and when the owner is gone.
    owner_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="SET NULL")]
    )
    size: int = Field(sa_type=BigId)
    sha256: str = Field(max_length=64)
    store_key: str = Field(max_length=100)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(default="", max_length=64)
