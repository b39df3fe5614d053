"""Python programs that people keep here, each with all its versions."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, LongText, UtcDateTime


class Program(SQLModel, table=True):
    """A named program: its owner's, or everyone's. Its source is its newest version's."""

    __tablename__ = "programs"
    __table_args__ = (UniqueConstraint("scope", "name"), Index("ix_programs_owner_id", "owner_id"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=100)
    #: Whom the name is for: "everyone", or "user:ID", also when that user is gone.
    scope: str = Field(max_length=32)
    #: None for everyone's, and when the owner is gone.
    owner_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="SET NULL")]
    )
    description: str = Field(default="", max_length=1000)
    #: Number of the newest version.
    version: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str = Field(default="", max_length=64)


class ProgramVersion(SQLModel, table=True):
    """The source of a program as it was saved once; never changed."""

    __tablename__ = "program_versions"
    __table_args__ = (UniqueConstraint("program_id", "number"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    program_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("programs.id", ondelete="CASCADE")])
    #: Counts from 1 within the program.
    number: int
    source: str = Field(sa_type=LongText)
    #: Bytes.
    size: int
    sha256: str = Field(max_length=64)
    note: str = Field(default="", max_length=200)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(default="", max_length=64)
