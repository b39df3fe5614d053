"""Reading what the home page is made of: every statement has a bound, in time by an index or in rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, select, union_all
from sqlalchemy.sql import FromClause

from common.db.functions import seconds_between, unled
from common.db.models import Execution, Schedule, Task, Worker, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import sees_all
from common.domain.states import ACTIVE, UNWELL, Status
from common.queries.ids import from_about
from common.queries.visibility import listed

E = table_of(Execution)
S = table_of(Schedule)
T = table_of(Task)
W = table_of(Worker)

Span = tuple[datetime, datetime]
#: What somebody did or what happened, as opposed to what was left out.
_STARTED = tuple(sorted({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.LOST}))
_COLUMNS = (
    E.c.id,
    E.c.task_id,
    E.c.status,
    E.c.scheduled_for,
    E.c.started_at,
    E.c.finished_at,
    E.c.available_at,
    E.c.queue,
    E.c.token,
)


def _mine(session: ReadSession) -> tuple[FromClause, list[ColumnElement[bool]]]:
    """Executions of the tasks that whoever asks may see; administrators see all, and need no look at the task."""
    if sees_all(session.actor):
        return E, []
    return E.join(T, T.c.id == E.c.task_id), [listed(session)]


async def signature(session: ReadSession) -> tuple[object, ...]:
    """Something that is another when an execution has been queued, begun or ended meanwhile."""
    # Each in a statement of its own: asked for together they are looked for in all rows.
    running = select(func.count()).select_from(E).where(E.c.status == Status.RUNNING).scalar_subquery()
    newest = select(func.max(E.c.id)).scalar_subquery()
    row = await session.execute(select(newest, select(func.max(E.c.finished_at)).scalar_subquery(), running))
    return tuple(row.one())


async def outcomes(session: ReadSession, spans: Sequence[Span]) -> dict[Span, dict[str, int]]:
    """How many executions ended in each way within each of these spans [from, to): one statement for all of them."""
    found: dict[Span, dict[str, int]] = {span: {} for span in spans}
    if not spans:
        return found
    source, where = _mine(session)
    parts = [
        select(literal(index).label("span"), E.c.status, func.count().label("executions"))
        .select_from(source)
        .where(E.c.finished_at >= begin, E.c.finished_at < end, *where)
        .group_by(E.c.status)
        for index, (begin, end) in enumerate(spans)
    ]
    for row in await session.execute(union_all(*parts) if len(parts) > 1 else parts[0]):
        found[spans[row.span]][row.status] = row.executions
    return found


async def newest_ended(session: ReadSession, span: Span, *, limit: int) -> list[Record]:
    """The newest executions that ended within the span and had begun."""
    source, where = _mine(session)
    rows = await session.execute(
        select(*_COLUMNS, E.c.trigger)
        .select_from(source)
        .where(E.c.finished_at >= span[0], E.c.finished_at < span[1], unled(E.c.status).in_(_STARTED), *where)
        .order_by(E.c.finished_at.desc())
        .limit(limit)
    )
    return list(rows)


async def by_task(session: ReadSession, span: Span, *, limit: int) -> tuple[list[Record], list[Record]]:
    """Of what ended within the span the tasks with the longest run, and those with the most runs: task_id, name,
    executions, seconds (the longest)."""
    seconds = func.max(seconds_between(E.c.started_at, E.c.finished_at)).label("seconds")
    count = func.count().label("executions")
    ended = (
        select(E.c.task_id, count, seconds)
        .where(E.c.finished_at >= span[0], E.c.finished_at < span[1], unled(E.c.status).in_(_STARTED))
        .group_by(E.c.task_id)
        .cte("ended")
    )
    there = select(ended, T.c.name).join(T, T.c.id == ended.c.task_id).where(T.c.deleted_at.is_(None), listed(session))
    both = [
        select(literal(which).label("which"), there.order_by(column.desc(), ended.c.task_id).limit(limit).subquery())
        for which, column in enumerate((ended.c.seconds, ended.c.executions))
    ]
    found: tuple[list[Record], list[Record]] = ([], [])
    for row in await session.execute(union_all(*both)):
        found[row.which].append(row)
    found[0].sort(key=lambda row: (-(row.seconds or 0), row.task_id))
    found[1].sort(key=lambda row: (-row.executions, row.task_id))
    return found


async def unwell(session: ReadSession, *, since: datetime, limit: int) -> list[int]:
    """Enabled tasks of which something made since about then went wrong, the latest first. Whether it still is wrong,
    their newest runs say."""
    newest = func.max(E.c.id)
    rows = await session.execute(
        select(E.c.task_id, newest)
        .join(T, T.c.id == E.c.task_id)
        .where(
            E.c.status.in_(sorted(UNWELL)),
            # So is what does not run, and so the index on the state leads to the newest of each.
            E.c.lease_until.is_(None),
            E.c.id >= await from_about(session, since),
            unled(T.c.enabled).is_(True),
            unled(T.c.deleted_at).is_(None),
            listed(session),
        )
        .group_by(E.c.task_id)
        .order_by(newest.desc())
        .limit(limit)
    )
    return [row.task_id for row in rows]


async def running(session: ReadSession, *, limit: int) -> list[Record]:
    """What runs now, the longest first, with `task_name` and `worker_name`."""
    rows = await session.execute(
        select(*_COLUMNS, T.c.name.label("task_name"), W.c.name.label("worker_name"), E.c.worker_id)
        .select_from(E.join(T, T.c.id == E.c.task_id).outerjoin(W, W.c.id == E.c.worker_id))
        .where(E.c.status == Status.RUNNING, T.c.deleted_at.is_(None), listed(session))
        .order_by(E.c.started_at, E.c.id)
        .limit(limit)
    )
    return list(rows)


async def coming(session: ReadSession, *, limit: int) -> list[Record]:
    """The schedules that fire next: task_id, name, queue, at."""
    at = func.coalesce(S.c.runs_at, S.c.next_run_at)
    # Ordered by what is indexed; where a calendar leaves an instant out the two differ, so a few more are read.
    rows = await session.execute(
        select(S.c.task_id, T.c.name, T.c.queue, at.label("at"))
        .join(T, T.c.id == S.c.task_id)
        .where(S.c.next_run_at.is_not(None), unled(T.c.deleted_at).is_(None), unled(T.c.enabled).is_(True))
        .where(listed(session))
        .order_by(S.c.next_run_at, S.c.id)
        .limit(limit * 4)
    )
    return sorted(rows, key=lambda row: row.at)[:limit]


async def active_by_queue(session: ReadSession) -> list[Record]:
    """How many executions of each queue are queued or run, and since when the oldest waits: queue, status, executions,
    oldest."""
    source, where = _mine(session)
    rows = await session.execute(
        select(E.c.queue, E.c.status, func.count().label("executions"), func.min(E.c.available_at).label("oldest"))
        .select_from(source)
        .where(E.c.status.in_(sorted(ACTIVE)), *where)
        .group_by(E.c.queue, E.c.status)
        .order_by(E.c.queue)
    )
    return list(rows)


async def task_numbers(session: ReadSession) -> tuple[int, int]:
    """How many tasks there are, and how many of them are paused."""
    rows = await session.execute(
        select(T.c.enabled, func.count()).where(T.c.deleted_at.is_(None), listed(session)).group_by(T.c.enabled)
    )
    found = {bool(enabled): count for enabled, count in rows}
    return sum(found.values()), found.get(False, 0)


async def idle(session: ReadSession, *, since: datetime, limit: int) -> list[Record]:
    """Tasks with a schedule of which nothing has begun since then: id, name, enabled, paused_at, paused_by."""
    first = await from_about(session, since)
    began = select(E.c.id).where(E.c.task_id == T.c.id, unled(E.c.status).in_(_STARTED), E.c.id >= first).exists()
    runs = select(E.c.task_id).where(E.c.status == Status.RUNNING)
    scheduled = select(S.c.id).where(S.c.task_id == T.c.id).exists()
    rows = await session.execute(
        select(T.c.id, T.c.name, T.c.enabled, T.c.paused_at, T.c.paused_by)
        .where(unled(T.c.deleted_at).is_(None), T.c.created_at < since, scheduled, ~began)
        .where(T.c.id.not_in(runs), listed(session))
        .order_by(T.c.id)
        .limit(limit)
    )
    return list(rows)
