"""What ran: executions, their attempts and their live output.

No foreign keys here: checking one locks the parent row on MySQL, so that firing a task and editing it would
wait for one another. `scheduler.prune` removes the rows of what is gone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, JsonOrNull, LongBytes, LongText, UtcDateTime


class Execution(SQLModel, table=True):
    """One firing of a task, from `queued` to a final state, with the output of its last attempt."""

    __tablename__ = "executions"
    __table_args__ = (
        # The fence against firing an instant twice.
        UniqueConstraint("task_id", "fire_key"),
        # Serves the claim's WHERE and ORDER BY exactly: a filesort would lock every scanned row on MariaDB.
        Index("ix_executions_claim", "queue", "status", "priority", "available_at", "id"),
        # The lease of what does not run is empty, so that it holds each state in the order of ids: for lists. With the
        # task and the instant at hand, what failed is found by task or time without a look at its rows.
        Index("ix_executions_status", "status", "lease_until", "id", "task_id", "scheduled_for"),
        # Nearly all are of schedules; MariaDB cannot leave those out.
        Index(
            "ix_executions_trigger",
            "trigger",
            "id",
            sqlite_where=text("\"trigger\" <> 'schedule'"),
            postgresql_where=text("\"trigger\" <> 'schedule'"),
        ),
        Index("ix_executions_worker_id_status", "worker_id", "status"),
        Index("ix_executions_task_id_id", "task_id", "id"),
        # What was due within a time is listed, and counted, by it alone.
        Index("ix_executions_scheduled", "scheduled_for", "id", "task_id"),
        # How many ended in which way within a time is counted by it alone.
        Index("ix_executions_finished", "finished_at", "status"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    task_id: int = Field(sa_type=BigId)
    schedule_id: int | None = Field(default=None, sa_type=BigId)
    #: `c:<instant>` schedule (and `#<schedule>` where its calendar left the instant out), `m:<request>` manual,
    #: `b:<execution>` made up for after a downtime: with task_id the identity of a firing. Those of schedules sort by
    #: instant, so that the unique index serves the fire ledger.
    fire_key: str = Field(max_length=128)
    run_id: str = Field(max_length=32)
    trigger: str = Field(max_length=16)
    triggered_by: str = Field(default="", max_length=64)
    scheduled_for: datetime = Field(sa_type=UtcDateTime)
    status: str = Field(max_length=16)
    #: Why it was skipped or missed: a code of `common.domain.reasons`.
    reason: str = Field(default="", max_length=64)
    #: How many instants this row stands for; more than one only for the summary of a long gap.
    instants: int = 1
    #: The last instant of such a gap.
    scheduled_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    queue: str = Field(default="default", max_length=64)
    #: 0 to 100, the smaller the sooner.
    priority: int = 50
    available_at: datetime = Field(sa_type=UtcDateTime)
    #: Grows by one at every claim: the attempt's number, and the fence against a stale worker.
    token: int = 0
    #: Attempts that ended badly and were tried again; those lost with their worker do not count.
    failures: int = 0
    #: The token that was taken away, so that "queued again because lost" differs from "after a failure".
    lost_token: int | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    worker_id: str | None = Field(default=None, max_length=64)
    #: The process may have been started: from here on an at_most_once execution is never given away.
    spawned: bool = False
    cancel_requested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_by: str = Field(default="", max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = Field(default=None, sa_type=LongText)
    stdout: str | None = Field(default=None, sa_type=LongText)
    stderr: str | None = Field(default=None, sa_type=LongText)
    #: How far it is, and what came of it (common.domain.reports); only of tasks that say so.
    report: dict[str, Any] | None = Field(default=None, sa_type=JsonOrNull)
    #: How many warnings the report has: for lists, which do not read it.
    warnings: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    stdout_bytes: int = Field(default=0, sa_type=BigId)
    stderr_bytes: int = Field(default=0, sa_type=BigId)
    pid: int | None = None
    #: Version of the task's definition that the last attempt ran; None where it never began.
    version: int | None = None
    #: Where in the output which stream went on, and when: `common.domain.timing` says what is in it.
    timing: list[Any] | None = Field(default=None, sa_type=JsonOrNull)
    cpu_seconds: float | None = Field(default=None, sa_type=Double)
    #: Bytes, of the process that was started itself.
    peak_memory: int | None = Field(default=None, sa_type=BigId)


class Attempt(SQLModel, table=True):
    """One try within an execution. The last one's output is in the execution's row, not here."""

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("execution_id", "token"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    execution_id: int = Field(sa_type=BigId)
    token: int
    worker_id: str | None = Field(default=None, max_length=64)
    status: str = Field(max_length=16)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = Field(default=None, sa_type=LongText)
    stdout: str | None = Field(default=None, sa_type=LongText)
    stderr: str | None = Field(default=None, sa_type=LongText)
    timing: list[Any] | None = Field(default=None, sa_type=JsonOrNull)
    cpu_seconds: float | None = Field(default=None, sa_type=Double)
    peak_memory: int | None = Field(default=None, sa_type=BigId)
    #: How its processes were ended, where some had to be: `worker.runner.tree.end_tree` says what is in it.
    proof: dict[str, Any] | None = Field(default=None, sa_type=JsonOrNull)


class ExecutionOutput(SQLModel, table=True):
    """A piece of output as bytes: live while it runs, kept where the cleaned text is not the same bytes."""

    __tablename__ = "execution_output"
    __table_args__ = (UniqueConstraint("execution_id", "token", "seq"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    execution_id: int = Field(sa_type=BigId)
    token: int
    seq: int
    #: "o" stdout, "e" stderr.
    stream: str = Field(max_length=1)
    #: Seconds since the attempt started.
    at: float = Field(default=0.0, sa_type=Double)
    #: Line feeds in `data`, so that a part of a long output is found without reading all of it; None = not counted.
    lines: int | None = None
    data: bytes = Field(sa_type=LongBytes)
