"""Databases of users that tasks read from and write to."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Ciphertext, LongText, UtcDateTime


class DataSource(SQLModel, table=True):
    """A named database: its owner's, or everyone's. What its fields mean says `common.datasources.source.Source`."""

    __tablename__ = "data_sources"
    __table_args__ = (UniqueConstraint("scope", "name"), Index("ix_data_sources_owner_id", "owner_id"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=100)
    #: Whom the name is for: "everyone", or "user:ID", also when that user is gone.
    scope: str = Field(max_length=32)
    #: None for everyone's, and when the owner is gone.
    owner_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="SET NULL")]
    )
    kind: str = Field(max_length=20)
    host: str = Field(default="", max_length=255)
    port: int = 0
    #: Of SQLite the path of its file.
    database: str = Field(default="", max_length=1000)
    username: str = Field(default="", max_length=200)
    #: The password.
    sealed: str = Field(default="", sa_type=Ciphertext)
    tls: str = Field(default="off", max_length=10)
    tls_ca: str = Field(default="", sa_type=LongText)
    read_only: bool = False
    #: Seconds; None = no limit.
    statement_timeout: float | None = Field(default=None, sa_type=Double)
    description: str = Field(default="", max_length=1000)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str = Field(default="", max_length=64)
