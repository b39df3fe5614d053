"""The processes that are at work, as they say themselves."""

from datetime import datetime

from sqlalchemy import Double, false
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Json, UtcDateTime


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
    #: It takes nothing more: because it stops, or because somebody asked it to (the next two say who, and outlive it).
    draining: bool = False
    drain_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    drain_asked_by: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    #: Of its machine, at the last sign of life: percent of all cores, bytes.
    cpu_percent: float | None = Field(default=None, sa_type=Double)
    memory_used: int | None = Field(default=None, sa_type=BigId)
    memory_total: int | None = Field(default=None, sa_type=BigId)
    #: The process that runs its tasks; it outlives the worker's own.
    runner_pid: int | None = None
    #: How many executions of the process before it found running when it started.
    taken_over: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    #: "cgroup" or "rlimit": how limits of memory and processes are kept; empty until its runner has said so.
    limits: str = Field(default="", max_length=16, sa_column_kwargs={"server_default": ""})
    #: Whether tasks that name no user run as root.
    as_root: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    started_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SchedulerGap(SQLModel, table=True):
    """A time in which no scheduler was at work; written by the first one that is at work again."""

    __tablename__ = "scheduler_gaps"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    #: The last sign of life before it.
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Fact(SQLModel, table=True):
    """One thing all processes know: when a scheduler was last at work, which time data the next runs come from."""

    __tablename__ = "facts"
    __table_args__ = TABLE_OPTIONS

    id: str = Field(primary_key=True, max_length=64)
    value: str = Field(default="", max_length=255)
    at: datetime = Field(sa_type=UtcDateTime)


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
