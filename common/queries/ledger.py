"""Reading what became of the instants of schedules.

Fire keys of schedules are `c:<instant>`, so the unique index on task and key holds a task's instants in order.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from common.db.functions import unled
from common.db.models import Attempt, Execution, Schedule, Task, Worker, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.states import Status
from common.queries import ids
from common.queries.visibility import listed
from common.queue.enqueue import fire_key

A = table_of(Attempt)
E = table_of(Execution)
S = table_of(Schedule)
T = table_of(Task)
W = table_of(Worker)

#: What an instant may have come to, and the states that mean it.
OUTCOMES: dict[str, tuple[Status, ...]] = {
    "success": (Status.SUCCESS,),
    "failed": (Status.FAILED, Status.TIMED_OUT, Status.LOST),
    "cancelled": (Status.CANCELLED,),
    "pending": (Status.WAITING, Status.QUEUED, Status.RUNNING),
    "skipped": (Status.SKIPPED,),
    "missed": (Status.MISSED,),
}
OUTCOME_OF = {status: outcome for outcome, statuses in OUTCOMES.items() for status in statuses}

#: Rows one gap gives a task at most: twenty schedules, each a hundred missed and a hundred left out, and the sums.
_ROWS_OF_A_GAP = 20 * 202

COLUMNS = (
    E.c.id,
    E.c.task_id,
    E.c.schedule_id,
    E.c.scheduled_for,
    E.c.scheduled_until,
    E.c.instants,
    E.c.status,
    E.c.reason,
    E.c.queue,
    E.c.priority,
    E.c.token,
    E.c.available_at,
    E.c.created_at,
    E.c.finished_at,
    E.c.exit_code,
    E.c.signal,
    E.c.error,
    E.c.cancelled_by,
    # Of the first attempt: a retry is not late.
    func.coalesce(A.c.started_at, E.c.started_at).label("started_at"),
)
FROM = E.outerjoin(A, and_(A.c.execution_id == E.c.id, A.c.token == 1))


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """What the ledger of a task shows; both ends are inclusive."""

    task_id: int
    since: datetime | None = None
    until: datetime | None = None
    outcome: str = ""


async def _conditions(session: ReadSession, query: LedgerQuery) -> list[ColumnElement[bool]]:
    found = [E.c.task_id == query.task_id, E.c.fire_key >= await _from(session, query)]
    found.append(E.c.fire_key < (fire_key(query.until) + "~" if query.until else "d"))
    if query.outcome:
        found.append(E.c.status.in_(OUTCOMES[query.outcome]))
    return found


async def _from(session: ReadSession, query: LedgerQuery) -> str:
    """The key to begin with: a row that stands for several instants may begin earlier."""
    if query.since is None:
        return "c:"
    return await _longer(session, query.task_id, query.since) or fire_key(query.since)


async def _longer(session: ReadSession, task_id: int, instant: datetime) -> str | None:
    """The key of the row that begins before `instant` and stands for several instants around it.

    Between the two lie only rows of the same gap, of the task's other schedules: a bounded number.
    """
    before = (
        select(E.c.fire_key, E.c.instants, E.c.scheduled_until)
        .where(E.c.task_id == task_id, E.c.fire_key >= "c:", E.c.fire_key < fire_key(instant))
        .order_by(E.c.fire_key.desc())
        .limit(_ROWS_OF_A_GAP)
        .subquery()
    )
    around = select(before.c.fire_key).where(before.c.instants > 1, before.c.scheduled_until >= instant)
    found: str | None = await session.scalar(around.order_by(before.c.fire_key.desc()).limit(1))
    return found


async def total(session: ReadSession, query: LedgerQuery) -> int:
    """How many rows there are."""
    conditions = await _conditions(session, query)
    return await session.scalar(select(func.count()).select_from(E).where(*conditions)) or 0


async def rows(session: ReadSession, query: LedgerQuery, *, limit: int, offset: int) -> list[Record]:
    """Rows, the newest instant first."""
    conditions = await _conditions(session, query)
    found = await session.execute(
        select(*COLUMNS).select_from(FROM).where(*conditions).order_by(E.c.fire_key.desc()).limit(limit).offset(offset)
    )
    return list(found)


async def at(session: ReadSession, task_id: int, instant: datetime) -> Record | None:
    """The row that stands for an instant: its own, or one of several instants around it."""
    key = fire_key(instant)
    own = (
        select(*COLUMNS).select_from(FROM).where(E.c.task_id == task_id, E.c.fire_key >= key, E.c.fire_key < key + "~")
    )
    # Where a calendar left it out and another schedule of the task ran it, it ran.
    found = (await session.execute(own.order_by(E.c.fire_key).limit(1))).first()
    if found is None and (longer := await _longer(session, task_id, instant)):
        rows = select(*COLUMNS).select_from(FROM).where(E.c.task_id == task_id, E.c.fire_key == longer)
        found = (await session.execute(rows)).first()
    return found


async def oldest(session: ReadSession, task_id: int) -> datetime | None:
    """The first instant there is a row for."""
    found: datetime | None = await session.scalar(
        select(E.c.scheduled_for)
        .where(E.c.task_id == task_id, E.c.fire_key >= "c:", E.c.fire_key < "d")
        .order_by(E.c.fire_key)
        .limit(1)
    )
    return found


async def active(session: ReadSession, task_id: int) -> list[Record]:
    """What of the task runs, waits or is queued, oldest first, with `worker_name`."""
    found = await session.execute(
        select(*COLUMNS, W.c.name.label("worker_name"))
        .select_from(FROM.outerjoin(W, W.c.id == E.c.worker_id))
        .where(E.c.task_id == task_id, E.c.status.in_(OUTCOMES["pending"]))
        .order_by(E.c.id)
    )
    return list(found)


async def queued_before(session: ReadSession, row: Record, *, now: datetime) -> int:
    """How many executions a worker takes before this one, by the order in which it claims."""
    earlier = or_(
        E.c.priority < row.priority,
        and_(E.c.priority == row.priority, E.c.available_at < row.available_at),
        and_(E.c.priority == row.priority, E.c.available_at == row.available_at, E.c.id < row.id),
    )
    mine = [E.c.queue == row.queue, E.c.status == Status.QUEUED, E.c.available_at <= now]
    return await session.scalar(select(func.count()).select_from(E).where(*mine, earlier)) or 0


async def between(
    session: ReadSession,
    since: datetime,
    until: datetime,
    *,
    written: tuple[datetime, datetime],
    limit: int,
) -> list[Record]:
    """The instants in [since, until] of all tasks they may see, written late: from `written` on and, about, until its
    end; soonest first, with `task_name`.

    By ids, which grow with time: there is no index on the instant alone, and no firing should pay for one.
    """
    first, last = await ids.before(session, since), await ids.until_about(session, written[1])
    found = await session.execute(
        select(*COLUMNS, T.c.name.label("task_name"))
        .select_from(FROM.join(T, T.c.id == E.c.task_id))
        .where(
            E.c.id > first,
            E.c.id <= last,
            E.c.created_at >= written[0],
            unled(E.c.fire_key) >= fire_key(since),
            unled(E.c.fire_key) < fire_key(until) + "~",
            unled(T.c.deleted_at).is_(None),
            listed(session),
        )
        .order_by(E.c.scheduled_for, E.c.id)
        .limit(limit)
    )
    return list(found)


async def colliding(session: ReadSession, instant: datetime, *, but: int | None = None) -> int:
    """How many other tasks have their next run at the same instant."""
    where = [S.c.next_run_at == instant, *([S.c.task_id != but] if but is not None else [])]
    return await session.scalar(select(func.count(func.distinct(S.c.task_id))).where(*where)) or 0
