"""The processes that are at work, as they say themselves."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import Json, UtcDateTime


class Worker(SQLModel, table=True):
    """A process that claims executions and has them run; the row outlives restarts of the same worker."""

    __tablename__ = "workers"
    __table_args__ = TABLE_OPTIONS

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=64)
    host: str = Field(max_length=255)
    pid: int
    boot_id: str = Field(max_length=64)
    #: Grows at every start: an older process of the same id must stop.
    generation: int = 1
    version: str = Field(default="", max_length=32)
    queues: list[str] = Field(default_factory=list, sa_type=Json)
    slots: int
    running: int = 0
    draining: bool = False
    started_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Scheduler(SQLModel, table=True):
    """A process that fires schedules; several may be active."""

    __tablename__ = "schedulers"
    __table_args__ = TABLE_OPTIONS

    id: str = Field(primary_key=True, max_length=64)
    host: str = Field(max_length=255)
    pid: int
    version: str = Field(default="", max_length=32)
    started_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
