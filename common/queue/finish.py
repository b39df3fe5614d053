"""Recording what became of attempts: many a transaction, each guarded by its token, safe to repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Delete, delete, select, update

from common.db.bulk import Value, insert_ignore, run_each
from common.db.models import Attempt, ExecutionOutput, table_of
from common.db.prepared import Prepared, one_of
from common.db.session import WriteSession
from common.domain.states import TRANSITIONS, Status
from common.queue.claims import Key
from common.queue.transitions import E, settle_each

A = table_of(Attempt)
P = table_of(ExecutionOutput)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt. `status` is its own; `retry_at` says that another one follows, and when."""

    id: int
    token: int
    status: Status
    started_at: datetime
    finished_at: datetime
    worker_id: str
    retry_at: datetime | None = None
    #: Whether the attempt that follows uses up one of the task's retries; not where the worker gave it back.
    counts: bool = True
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    stdout: str = ""
    stderr: str = ""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    #: The pieces are the only byte-exact copy: keep them.
    keep_pieces: bool = False
    #: It ended before anything of its output could be shown: there are no pieces.
    brief: bool = False
    pid: int | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    #: How its processes were ended; None where none had to be.
    proof: dict[str, Any] | None = None
    #: When which stream went on: `common.domain.timing`.
    timing: list[list[Any]] | None = None

    @property
    def key(self) -> Key:
        """Execution id and token."""
        return self.id, self.token


_SHARED = (
    "started_at",
    "finished_at",
    "exit_code",
    "signal",
    "error",
    "stdout",
    "stderr",
    "timing",
    "cpu_seconds",
    "peak_memory",
)
_COLUMNS = (*_SHARED, "stdout_bytes", "stderr_bytes", "pid", "lease_until")


class _Current(NamedTuple):
    """What finishing reads of an execution."""

    id: int
    token: int
    lost_token: int | None
    status: str
    failures: int
    cancel_requested_at: datetime | None


_LOCK = Prepared(
    lambda dialect: (
        select(*(E.c[name] for name in _Current._fields))
        .where(one_of(dialect, E.c.id, "ids"))
        .order_by(E.c.id)
        .with_for_update()
    )
)


async def finish(session: WriteSession, results: Sequence[Result]) -> set[Key]:
    """Record `results`; returns the keys that were stale: another attempt has the execution by now.

    A result that is there already changes nothing. A late result of the current token is taken (lost -> success).
    """
    by_key = {result.key: result for result in sorted(results, key=lambda result: result.id)}
    locked = await _LOCK(session, ids=sorted({result.id for result in by_key.values()}))
    current = {row[0]: _Current(*row) for row in locked}
    fresh: list[Result] = []
    stale: set[Key] = set()
    for key, result in by_key.items():
        row = current.get(result.id)
        if row is None or row.token != result.token or _was_given_away(row):
            stale.add(key)
        elif row.status == Status.RUNNING or (row.status == Status.LOST and result.status in TRANSITIONS[Status.LOST]):
            fresh.append(result)
    retried = [r for r in fresh if _is_retried(r, current[r.id])]
    final = [r for r in fresh if not _is_retried(r, current[r.id])]
    for status in {r.status for r in final}:
        await settle_each(session, status, [_values(r) for r in final if r.status is status], *_COLUMNS)
    if retried:
        rows = [_values(r) | _requeued(r, current[r.id].failures) for r in retried]
        await settle_each(session, Status.QUEUED, rows, *_COLUMNS, "available_at", "failures", "spawned", "worker_id")
    late = [r.id for r in final if current[r.id].status == Status.LOST]
    if late:
        await session.execute(delete(A).where(A.c.execution_id.in_(late), A.c.status == Status.LOST))
    await _keep_attempts(session, final, retried)
    return stale


async def keep_reports(session: WriteSession, reports: Mapping[Key, Mapping[str, Any]], *, running: bool) -> None:
    """Store the reports of these attempts; `running`: of those only that have not ended meanwhile."""
    for (execution_id, token), report in sorted(reports.items()):
        where = [E.c.id == execution_id, E.c.token == token, *([E.c.status == Status.RUNNING] if running else [])]
        await session.execute(update(E).where(*where).values(report=report, warnings=len(report.get("warnings", ()))))


def _was_given_away(row: Any) -> bool:
    """Queued again because its worker was lost, not because a result was recorded: another attempt is to come."""
    return bool(row.status == Status.QUEUED and row.lost_token == row.token)


def _is_retried(result: Result, row: Any) -> bool:
    """A cancelled execution is not tried again, nor is one whose lease was lost meanwhile."""
    return result.retry_at is not None and row.cancel_requested_at is None and row.status == Status.RUNNING


def _values(result: Result) -> dict[str, Any]:
    return {
        "row_id": result.id,
        "row_token": result.token,
        "lease_until": None,
        **{name: getattr(result, name) for name in _COLUMNS if name != "lease_until"},
    }


def _requeued(result: Result, failures: int) -> dict[str, Any]:
    failures += result.counts
    return {"available_at": result.retry_at, "failures": failures, "spawned": False, "worker_id": None}


#: What of a final attempt stands in the execution's row, and is not stored twice.
_ELSEWHERE: dict[str, Any] = {"stdout": None, "stderr": None, "timing": None}


async def _keep_attempts(session: WriteSession, final: Sequence[Result], retried: Sequence[Result]) -> None:
    """One row an attempt; the final one's output is in the execution's row and not stored twice."""
    rows = [_attempt(r) | _ELSEWHERE for r in final] + [_attempt(r) for r in retried]
    await insert_ignore(session, A, rows)
    redundant = [r.key for r in (*final, *retried) if not (r.keep_pieces or r.brief)]
    await run_each(session, _pieces, _PIECES, [{"row_id": id_, "row_token": token} for id_, token in redundant])


def _pieces(value: Value) -> Delete:
    return delete(P).where(P.c.execution_id == value("row_id"), P.c.token == value("row_token"))


_PIECES = (("row_id", P.c.execution_id.type), ("row_token", P.c.token.type))


def _attempt(result: Result) -> dict[str, Any]:
    return {
        "execution_id": result.id,
        "token": result.token,
        "worker_id": result.worker_id,
        "status": result.status,
        "proof": result.proof,
        **{name: getattr(result, name) for name in _SHARED},
    }
