"""Named sets of days that schedules keep to."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Json, UtcDateTime


class Calendar(SQLModel, table=True):
    """A named set of days: public holidays or working days of a country, or dates somebody wrote down."""

    __tablename__ = "calendars"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=100, unique=True)
    #: holidays, working_days or dates.
    kind: str = Field(max_length=16)
    country: str = Field(default="", max_length=8)
    subdivision: str = Field(default="", max_length=32)
    #: ISO dates, sorted, each once; only of the kind `dates`.
    dates: list[str] = Field(default_factory=list, sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
