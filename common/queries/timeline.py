"""Reading a window of time: which tasks did something in it, and what.

A task with few runs in the window is read run by run, one with many by stretches of time: the rows that come back are
bounded by what a screen can show, not by what there is.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, literal, select

from common.db.functions import contains, seconds_between, slot_of
from common.db.models import Execution, Task, Worker, table_of
from common.db.session import ReadSession
from common.db.types import Record, UtcDateTime
from common.domain.permissions import sees_all
from common.domain.states import UNWELL, Status
from common.queries.ids import from_about
from common.queries.visibility import listed

E = table_of(Execution)
T = table_of(Task)
W = table_of(Worker)

#: What ended so long after the window may have begun in it, and what began so long before may have ended in it.
_LONGEST = timedelta(days=1)
_MOST_LONG = 5000


def _ended_in(begin: datetime, end: datetime) -> list[ColumnElement[bool]]:
    """What was going on within the window and has ended; by the index on the end."""
    began = func.coalesce(E.c.started_at, E.c.scheduled_for)
    return [E.c.finished_at >= begin, E.c.finished_at < end + _LONGEST, began < end]


async def active_tasks(
    session: ReadSession, begin: datetime, end: datetime, *, search: str, limit: int
) -> tuple[list[Record], int]:
    """The tasks of which something ended in the window or runs: task_id, executions, problems; those with problems
    first, then the busiest. And how many there are in all."""
    problem = case((E.c.status.in_([*UNWELL, Status.MISSED]), 1), else_=0)
    ended = (
        select(E.c.task_id, func.count().label("executions"), func.sum(problem).label("problems"))
        .where(*_ended_in(begin, end))
        .group_by(E.c.task_id)
        .subquery()
    )
    where = [T.c.deleted_at.is_(None), listed(session)]
    if search:
        where.append(contains(T.c.name, search))
    rows = await session.execute(
        select(ended, func.count().over().label("every"))
        .join(T, T.c.id == ended.c.task_id)
        .where(*where)
        .order_by(ended.c.problems.desc(), ended.c.executions.desc(), ended.c.task_id)
        .limit(limit)
    )
    found = list(rows)
    return found, found[0].every if found else 0


async def tasks(session: ReadSession, task_ids: Sequence[int]) -> list[Record]:
    """id, name, tags, queue, enabled of these tasks, by name."""
    rows = await session.execute(
        select(T.c.id, T.c.name, T.c.tags, T.c.queue, T.c.enabled)
        .where(T.c.id.in_(task_ids), T.c.deleted_at.is_(None), listed(session))
        .order_by(T.c.name, T.c.id)
    )
    return list(rows)


async def runs(session: ReadSession, task_ids: Sequence[int], begin: datetime, end: datetime) -> list[Record]:
    """Every execution of these tasks in the window, with `worker_name`; also what runs or waits now."""
    first = await from_about(session, begin - _LONGEST)
    columns = (E.c.id, E.c.task_id, E.c.status, E.c.scheduled_for, E.c.started_at, E.c.finished_at)
    source = E.outerjoin(W, W.c.id == E.c.worker_id)
    over = await session.execute(
        select(*columns, W.c.name.label("worker_name"))
        .select_from(source)
        # Ids grow with time, so that the index on task and id leads to the window; the times then decide.
        .where(E.c.task_id.in_(task_ids), E.c.id >= first, *_ended_in(begin, end))
        .order_by(E.c.id)
    )
    return list(over)


async def running(session: ReadSession, begin: datetime, end: datetime, *, limit: int) -> list[Record]:
    """What runs now and has begun before the end of the window."""
    rows = await session.execute(
        select(
            E.c.id,
            E.c.task_id,
            E.c.status,
            E.c.scheduled_for,
            E.c.started_at,
            E.c.finished_at,
            W.c.name.label("worker_name"),
        )
        .select_from(E.join(T, T.c.id == E.c.task_id).outerjoin(W, W.c.id == E.c.worker_id))
        .where(E.c.status == Status.RUNNING, E.c.started_at < end, T.c.deleted_at.is_(None), listed(session))
        .order_by(E.c.id.desc())
        .limit(limit)
    )
    return list(rows)


async def stretches(
    session: ReadSession, task_ids: Sequence[int], begin: datetime, end: datetime, *, width: float
) -> list[Record]:
    """The same by stretches of `width` seconds: task_id, slot, status, executions, first and last (instants), newest
    (id)."""
    slot = slot_of(seconds_between(literal(begin, UtcDateTime()), E.c.finished_at), literal(width)).label("slot")
    began = func.coalesce(E.c.started_at, E.c.scheduled_for)
    first = await from_about(session, begin - _LONGEST)
    rows = await session.execute(
        select(
            E.c.task_id,
            slot,
            E.c.status,
            func.count().label("executions"),
            func.min(began).label("first"),
            func.max(E.c.finished_at).label("last"),
            func.max(E.c.id).label("newest"),
        )
        .where(E.c.task_id.in_(task_ids), E.c.id >= first, *_ended_in(begin, end))
        .group_by(E.c.task_id, slot, E.c.status)
    )
    return list(rows)


async def load(
    session: ReadSession, begin: datetime, end: datetime, *, width: float
) -> tuple[dict[int, float], list[tuple[datetime, datetime]]]:
    """How busy the window was: seconds of short runs by stretch of `width` seconds, and the long runs themselves."""
    source = E if sees_all(session.actor) else E.join(T, T.c.id == E.c.task_id)
    mine = [] if sees_all(session.actor) else [listed(session)]
    took = seconds_between(E.c.started_at, E.c.finished_at)
    where = [*_ended_in(begin, end), E.c.started_at.is_not(None), *mine]
    slot = slot_of(seconds_between(literal(begin, UtcDateTime()), E.c.finished_at), literal(width)).label("slot")
    short = await session.execute(
        select(slot, func.sum(took)).select_from(source).where(*where, took < width).group_by(slot)
    )
    long = await session.execute(
        select(E.c.started_at, E.c.finished_at).select_from(source).where(*where, took >= width).limit(_MOST_LONG)
    )
    return {number: float(seconds) for number, seconds in short}, [(row[0], row[1]) for row in long]
