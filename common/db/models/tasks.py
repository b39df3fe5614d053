"""What to run, and when."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Json, LongText, UtcDateTime


class Task(SQLModel, table=True):
    """What to run: kind, settings, limits, retries, who owns it."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("ix_tasks_deleted_at_name", "deleted_at", "name"),
        Index("ix_tasks_enabled", "deleted_at", "enabled", "name"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=200)
    description: str = Field(default="", sa_type=LongText)
    kind: str = Field(default="shell", max_length=32)
    command: str = Field(sa_type=LongText)
    #: What only running needs: env, args, cwd and, later, what a kind adds.
    spec: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    tags: list[str] = Field(default_factory=list, sa_type=Json)
    queue: str = Field(default="default", max_length=64)
    #: 0 to 100, the smaller the sooner.
    priority: int = 50
    #: Seconds; None = no limit.
    timeout: float | None = Field(default=None, sa_type=Double)
    retries: int = 0
    retry_delay: float = Field(default=60.0, sa_type=Double)
    #: Factor by which the delay grows with each attempt; 1 = constant.
    retry_backoff: float = Field(default=1.0, sa_type=Double)
    concurrency: str = Field(default="skip", max_length=16)
    delivery: str = Field(default="at_most_once", max_length=16)
    misfire_policy: str = Field(default="latest", max_length=16)
    misfire_grace: int | None = None
    max_history: int | None = None
    enabled: bool = True
    #: Since when it is paused, and by whom; empty while it is enabled, or when it was created paused.
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_by: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    owner_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="SET NULL")], index=True
    )
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    #: Number of its newest row in `task_versions`; grows with each change of what it does or when.
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    #: Set while what still runs is being ended; `scheduler.prune` removes the rows.
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TaskVersion(SQLModel, table=True):
    """What a task was from one change to the next. Written once, in the transaction of the change, never changed."""

    __tablename__ = "task_versions"
    __table_args__ = (UniqueConstraint("task_id", "version"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    task_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("tasks.id", ondelete="CASCADE")])
    version: int
    at: datetime = Field(sa_type=UtcDateTime)
    #: Who changed it, as they were called then; empty where nobody knows.
    author: str = Field(default="", max_length=64)
    #: Names of the fields that differ from the version before; none in the first.
    fields: list[str] = Field(default_factory=list, sa_type=Json)
    #: Names, never values, of variables; otherwise all that its author wrote, with its schedules.
    definition: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class Schedule(SQLModel, table=True):
    """When to run a task. Narrow and hot: the scheduler reads it every time something is due."""

    __tablename__ = "schedules"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    task_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("tasks.id", ondelete="CASCADE")], index=True)
    kind: str = Field(default="cron", max_length=16)
    expr: str = Field(max_length=255)
    timezone: str = Field(default="UTC", max_length=64)
    start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    #: Where the grid of an interval starts.
    anchor: datetime | None = Field(default=None, sa_type=UtcDateTime)
    #: Seconds by which starts are spread, the same for the same instant.
    jitter: int = 0
    #: None = nothing to come: paused, or over. Under only_on and never_on also an instant that is left out.
    next_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    #: The calendar it keeps to: one of `calendars`, or a built-in one by its name ("CN", "US-CA").
    calendar_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("calendars.id")], index=True
    )
    calendar_name: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    #: only_on, never_on, shift_next; empty without a calendar.
    calendar_rule: str = Field(default="", max_length=16, sa_column_kwargs={"server_default": ""})
    #: The next instant that the calendar does not leave out; None where next_run_at says it already.
    runs_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    #: While the task is paused: the first instant nobody has accounted for.
    paused_from: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def shows_next(self) -> datetime | None:
        """When it runs next, as people understand it."""
        return self.runs_at or self.next_run_at
