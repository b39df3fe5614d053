"""The newest executions of one task with what they took: for its trend, and for what is usual."""

from dataclasses import dataclass

from sqlalchemy import select

from common.db.models import Execution, table_of
from common.db.session import ReadSession
from common.domain.states import UNWELL, Status
from common.queries.newest import Last
from common.queries.task_states import RAN

E = table_of(Execution)


@dataclass(frozen=True, slots=True)
class Took(Last):
    """An execution with what it took: bytes at most, seconds of CPU."""

    peak_memory: int | None = None
    cpu_seconds: float | None = None


async def newest(session: ReadSession, task_id: int, *, limit: int, until: int | None = None) -> list[Took]:
    """The newest executions of a task up to the id `until`, oldest first."""
    where = [E.c.task_id == task_id, *([E.c.id <= until] if until is not None else [])]
    rows = await session.execute(
        select(
            E.c.id,
            E.c.status,
            E.c.scheduled_for,
            E.c.started_at,
            E.c.finished_at,
            E.c.exit_code,
            E.c.error,
            E.c.peak_memory,
            E.c.cpu_seconds,
        )
        .where(*where)
        .order_by(E.c.id.desc())
        .limit(limit)
    )
    return [Took(row.id, Status(row.status), *row[2:]) for row in reversed(list(rows))]


@dataclass(frozen=True, slots=True)
class Streak:
    """What came before an execution: `failures` in a row right before it, then `successes` in a row, the newest of
    which is `good`. `more`: there may be more successes than were counted."""

    failures: int
    successes: int
    good: int
    more: bool


async def before(session: ReadSession, task_id: int, execution_id: int, *, limit: int = 500) -> Streak | None:
    """The streaks before an execution; None where it has never worked among the newest `limit` before it."""
    rows = await session.execute(
        select(E.c.id, E.c.status)
        .where(E.c.task_id == task_id, E.c.id < execution_id, E.c.status.in_(RAN))
        .order_by(E.c.id.desc())
        .limit(limit)
    )
    found = list(rows)
    failures = 0
    while failures < len(found) and found[failures].status != Status.SUCCESS:
        failures += 1
    if failures == len(found):
        return None
    rest = found[failures:]
    successes = next((n for n, row in enumerate(rest) if row.status in UNWELL), len(rest))
    unwell = sum(row.status in UNWELL for row in found[:failures])
    return Streak(unwell, successes, rest[0].id, more=len(found) == limit and successes == len(rest))
