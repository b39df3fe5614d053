"""Reading what a forecast is made of: schedules that have something to come, and how long tasks took."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, select

from common.db.functions import unled
from common.db.models import Execution, Schedule, Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.states import Status
from common.queries.visibility import listed

E = table_of(Execution)
S = table_of(Schedule)
T = table_of(Task)
_LAST = 20
#: MariaDB would take the key of firings, which begins with the task too, and sort.
_BY_ID = "FORCE INDEX (ix_executions_task_id_id)"
#: Tasks a statement.
_CHUNK = 1000


async def schedules(session: ReadSession, *, until: datetime, limit: int) -> list[Record]:
    """Schedules whose next run is no later than `until`, the soonest first, with `task_name` and `queue`."""
    rows = await session.execute(
        select(*S.c, T.c.name.label("task_name"), T.c.queue)
        .join(T, T.c.id == S.c.task_id)
        .where(S.c.next_run_at <= until, unled(T.c.deleted_at).is_(None), unled(T.c.enabled).is_(True), listed(session))
        .order_by(S.c.next_run_at, S.c.id)
        .limit(limit)
    )
    return list(rows)


async def durations(session: ReadSession, task_ids: Sequence[int]) -> dict[int, list[float]]:
    """How many seconds each of the last twenty successes of these tasks took."""
    found: dict[int, list[float]] = {}
    for start in range(0, len(task_ids), _CHUNK):
        # Two index seeks a task. A window function would read all executions of these tasks, a union of many small
        # statements takes SQLAlchemy longer to write than the database to run (2.9 s for 1,400 tasks).
        mine = E.alias("mine")
        twentieth = (
            select(mine.c.id)
            .with_hint(mine, _BY_ID, "mysql")
            .where(mine.c.task_id == T.c.id, unled(mine.c.status) == Status.SUCCESS)
            .order_by(mine.c.id.desc())
            .limit(1)
            .offset(_LAST - 1)
            .scalar_subquery()
        )
        tasks = select(T.c.id, twentieth.label("first")).where(T.c.id.in_(task_ids[start : start + _CHUNK])).subquery()
        rows = await session.execute(
            select(E.c.task_id, E.c.started_at, E.c.finished_at)
            .join(tasks, and_(tasks.c.id == E.c.task_id, E.c.id >= func.coalesce(tasks.c.first, 0)))
            .where(unled(E.c.status) == Status.SUCCESS)
            .with_hint(E, _BY_ID, "mysql")
        )
        for row in rows:
            if row.started_at is not None and row.finished_at is not None:
                seconds = max(0.0, (row.finished_at - row.started_at).total_seconds())
                found.setdefault(row.task_id, []).append(seconds)
    return found
