"""Reading what a forecast is made of: schedules that have something to come, and how long tasks took."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select

from common.db.models import Execution, Schedule, Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.states import Status

E = table_of(Execution)
S = table_of(Schedule)
T = table_of(Task)
_LAST = 20
#: Tasks a statement: each is an index seek of its own.
_CHUNK = 200


async def schedules(session: ReadSession, *, until: datetime, limit: int) -> list[Record]:
    """Schedules whose next run is no later than `until`, the soonest first, with `task_name` and `queue`."""
    rows = await session.execute(
        select(*S.c, T.c.name.label("task_name"), T.c.queue)
        .join(T, T.c.id == S.c.task_id)
        .where(S.c.next_run_at <= until, T.c.deleted_at.is_(None), T.c.enabled.is_(True))
        .order_by(S.c.next_run_at, S.c.id)
        .limit(limit)
    )
    return list(rows)


def _newest(task_id: int) -> Select[int]:
    mine = select(E.c.id).where(E.c.task_id == task_id, E.c.status == Status.SUCCESS)
    newest = mine.order_by(E.c.id.desc()).limit(_LAST).subquery()
    return select(newest.c.id)


async def durations(session: ReadSession, task_ids: Sequence[int]) -> dict[int, list[float]]:
    """How many seconds each of the last twenty successes of these tasks took."""
    found: dict[int, list[float]] = {}
    for start in range(0, len(task_ids), _CHUNK):
        first, *others = [_newest(task_id) for task_id in task_ids[start : start + _CHUNK]]
        joined = first.union_all(*others).subquery() if others else first.subquery()
        rows = await session.execute(
            select(E.c.task_id, E.c.started_at, E.c.finished_at).where(E.c.id.in_(select(joined.c[0])))
        )
        for row in rows:
            if row.started_at is not None and row.finished_at is not None:
                seconds = max(0.0, (row.finished_at - row.started_at).total_seconds())
                found.setdefault(row.task_id, []).append(seconds)
    return found
