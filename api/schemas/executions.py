"""Executions as the API shows them."""

from typing import Any

from api.schemas.base import Answer, Instant, Page
from common.db.types import Record
from common.domain.states import Status
from common.queries.executions import ExecutionQuery, Found
from common.services.stopping import Stopping


class SeenProcess(Answer):
    """A process that was there when the end was asked for; the command line is cut at 200 characters."""

    pid: int
    ppid: int
    command: str


class SentSignal(Answer):
    """A signal, and how many processes it was sent to."""

    signal: str
    processes: int


class Proof(Answer):
    """How the processes of an attempt were ended. `left` is what a last look at the machine still found: 0 is the
    proof. `more` processes were there beside those in `tree`."""

    tree: list[SeenProcess]
    more: int
    signals: list[SentSignal]
    left: int


class ExecutionHead(Answer):
    """An execution without its output."""

    id: int
    task_id: int
    task_name: str
    status: Status
    trigger: str
    triggered_by: str
    reason: str
    scheduled_for: Instant
    scheduled_until: Instant | None
    instants: int
    available_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    duration: float | None
    lateness: float | None
    exit_code: int | None
    signal: int | None
    error: str | None
    attempt: int
    version: int | None
    worker: str | None
    pid: int | None
    cpu_seconds: float | None
    peak_memory: int | None
    run_id: str
    queue: str
    priority: int
    warnings: int
    stdout_bytes: int
    stderr_bytes: int

    @classmethod
    def values(cls, row: Record) -> dict[str, Any]:
        """The fields of a row of `queries.executions`."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        started = row.started_at if row.token else None
        return own | {
            "started_at": started,
            "duration": _seconds(started, row.finished_at),
            "lateness": _seconds(row.scheduled_for, started) if row.token == 1 else None,
            "attempt": row.token,
            "worker": row.worker_name or row.worker_id,
        }

    @classmethod
    def of(cls, row: Record) -> "ExecutionHead":
        """The answer for a row."""
        return cls.model_validate(cls.values(row))


class ExecutionPage(Page[ExecutionHead]):
    """A part of a list of executions. Up to 10,000 `total` is exact; of more `at_least` is true, and there always is
    one page more than `page` until the last."""

    at_least: bool

    @classmethod
    def found(cls, found: Found, query: ExecutionQuery) -> "ExecutionPage":
        """What was found for a query."""
        return cls(
            items=[ExecutionHead.of(row) for row in found.rows],
            total=found.total,
            page=query.page,
            page_size=query.page_size,
            pages=-(-found.total // query.page_size),
            at_least=found.least,
        )


class AttemptOut(Answer):
    """One try within an execution."""

    attempt: int
    status: Status
    worker: str | None
    started_at: Instant | None
    finished_at: Instant | None
    exit_code: int | None
    signal: int | None
    error: str | None
    stdout: str | None
    stderr: str | None
    cpu_seconds: float | None
    peak_memory: int | None
    proof: Proof | None

    @classmethod
    def of(cls, row: Record) -> "AttemptOut":
        """The answer for a row of `attempts`."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate(own | {"attempt": row.token, "worker": row.worker_name or row.worker_id})


class ProgressOut(Answer):
    """How far an execution is: `done` of `total` (null: nobody knows), as of `at` (unix seconds)."""

    done: float
    total: float | None
    unit: str
    text: str
    at: float


class ReportOut(Answer):
    """What an execution says of itself, while it runs and at its end. What stands in `result` depends on its kind."""

    progress: ProgressOut | None
    result: dict[str, Any]
    warnings: list[str]


class ExecutionOut(ExecutionHead):
    """An execution with the output of its last attempt, and all attempts that have ended. `proof` is how the
    processes of the last attempt were ended, where some had to be; `report` is what it said of itself."""

    stdout: str
    stderr: str
    report: ReportOut | None
    proof: Proof | None
    attempts: list[AttemptOut]


class Started(ExecutionHead):
    """An execution that was queued by hand."""

    execution_id: int


class StoppedExecution(Answer):
    """An execution that ran when it was to stop, as it stands now; `proof` is there once it has ended."""

    id: int
    status: Status
    exit_code: int | None
    signal: int | None
    error: str | None
    finished_at: Instant | None
    proof: Proof | None


class Stopped(Answer):
    """What stopping came to: `executions` ran (those in `stopping` are still being ended), those in `cancelled` waited
    and were never started."""

    task_id: int
    stopping: list[int]
    cancelled: list[int]
    executions: list[StoppedExecution]

    @classmethod
    def of(cls, task_id: int, seen: Stopping) -> "Stopped":
        """The answer for what stopping came to."""
        shown = [StoppedExecution.model_validate(row) for row in seen.endings]
        return cls(task_id=task_id, stopping=seen.unfinished, cancelled=list(seen.cancelled), executions=shown)


def _seconds(start: Any, end: Any) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None
