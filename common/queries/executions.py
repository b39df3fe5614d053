"""Reading executions: lists never read output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, case, false, func, literal_column, or_, select

from common.db.functions import contains, sorts_by_what_is_the_same, unled
from common.db.models import Attempt, Execution, ExecutionOutput, Task, Worker, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import Right, sees_all
from common.domain.states import Status
from common.queries.visibility import listed, permitted

E = table_of(Execution)
T = table_of(Task)
A = table_of(Attempt)
P = table_of(ExecutionOutput)
W = table_of(Worker)

#: Everything of an execution but its output.
HEAD = tuple(column for column in E.c if column.name not in ("stdout", "stderr", "report", "timing"))


#: So many rows of a list are counted; of more than these the total says "at least".
COUNTED = 10_000
#: Up to so many tasks that a search finds are named one by one, so that an index leads to their executions.
_NAMED = 1000


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """What a list of executions shows; times bound `scheduled_for`, `before` is the one after which it begins."""

    task_id: int | None = None
    status: Status | None = None
    trigger: str = ""
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""
    page: int = 1
    page_size: int = 50
    before: int | None = None

    @property
    def by_instant(self) -> bool:
        """Whether the list is in the order of `scheduled_for`, not of ids: what is asked for by time is found by it."""
        return self.task_id is None and (self.since is not None or self.until is not None)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list; `total` is how many there are in all, or with `least` at least."""

    rows: list[Record]
    total: int
    least: bool = False


async def _conditions(session: ReadSession, query: ExecutionQuery) -> list[ColumnElement[bool]]:
    """Conditions on executions alone: a join with tasks, to be counted or skipped, costs more than all else."""
    theirs = await _of_tasks(session, query)
    found = [theirs]
    if query.status is not None:
        found += _of_state(query, query.status)
    if query.trigger:
        found.append(E.c.trigger == query.trigger)
        if query.trigger != "schedule":
            found.append(E.c.trigger != literal_column("'schedule'"))  # word for word what the index says
    if query.since is not None:
        found.append(E.c.scheduled_for >= query.since)
    if query.until is not None:
        found.append(E.c.scheduled_for <= query.until)
    if query.before is not None:
        found.append(await _after(session, query, query.before, theirs))
    return found


def _of_state(query: ExecutionQuery, status: Status) -> list[ColumnElement[bool]]:
    """The executions of this state: not as a reason to look at all of them where nearly all are of it."""
    if query.by_instant and status == Status.SUCCESS:
        return [unled(E.c.status) == status]
    # Without a lease is what does not run: said so that the index on the state has them in the order of their ids.
    alone = query.task_id is None and status != Status.RUNNING
    return [E.c.status == status, *([E.c.lease_until.is_(None)] if alone else [])]


async def _of_tasks(session: ReadSession, query: ExecutionQuery) -> ColumnElement[bool]:
    """The executions of those tasks that are asked for, are there, and are theirs to see."""
    if query.task_id is not None:
        there = select(T.c.id).where(T.c.id == query.task_id, T.c.deleted_at.is_(None), permitted(session))
        mine = E.c.task_id == query.task_id if await session.scalar(there) is not None else false()
        if not query.search:
            return mine
    theirs = select(T.c.id).where(T.c.deleted_at.is_(None), listed(session))
    if query.search:
        named = theirs.where(contains(T.c.name, query.search))
        few = list(await session.scalars(named.limit(_NAMED + 1)))
        found = E.c.task_id.in_(few) if len(few) <= _NAMED else E.c.task_id.in_(named)
        return found if query.task_id is None else and_(mine, found)
    if sees_all(session.actor):
        # Deleted ones are few, and gone soon.
        return E.c.task_id.not_in(select(T.c.id).where(T.c.deleted_at.is_not(None)))
    return E.c.task_id.in_(theirs)


async def _after(
    session: ReadSession, query: ExecutionQuery, last: int, theirs: ColumnElement[bool]
) -> ColumnElement[bool]:
    """What comes after the execution `last` in the order of the list. When another's was due is not told, not even so:
    it counts as one that is gone."""
    instant = None
    if query.by_instant:
        instant = await session.scalar(select(E.c.scheduled_for).where(E.c.id == last, theirs))
    if instant is None:
        return E.c.id < last
    return and_(E.c.scheduled_for <= instant, or_(E.c.scheduled_for < instant, E.c.id < last))


async def page(session: ReadSession, query: ExecutionQuery) -> Found:
    """One page of executions, the newest first, with `task_name` and `worker_name`; and how many there are."""
    conditions = await _conditions(session, query)
    offset = (query.page - 1) * query.page_size
    newest = _newest(session, query)
    # Ids first: a row that is only skipped is not read, and never one with its output.
    ids = list(
        await session.scalars(
            select(E.c.id).where(*conditions).order_by(*newest).limit(query.page_size + 1).offset(offset)
        )
    )
    rows = await _heads(session, ids[: query.page_size])
    if len(ids) <= query.page_size and (ids or not offset):
        return Found(rows, offset + len(ids))
    if ids and offset + query.page_size >= COUNTED:
        return Found(rows, offset + len(ids), least=True)
    # In the same order as the page, so that no database looks for them from the other end; not what had to be sorted.
    order = [] if query.by_instant and query.status is not None else newest
    some = select(E.c.id).where(*conditions).order_by(*order).limit(COUNTED + 1).subquery()
    counted = await session.scalar(select(func.count()).select_from(some)) or 0
    return Found(rows, min(counted, COUNTED), least=counted > COUNTED)


def _newest(session: ReadSession, query: ExecutionQuery) -> list[UnaryExpression[Any]]:
    """The order of the list."""
    if query.by_instant:
        return [E.c.scheduled_for.desc(), E.c.id.desc()]
    # Of one state all have the same lease, none.
    of_state = query.task_id is None and query.status not in (None, Status.RUNNING)
    lease = [E.c.lease_until.desc()] if of_state and sorts_by_what_is_the_same(session) else []
    return [*lease, E.c.id.desc()]


async def _heads(session: ReadSession, ids: Sequence[int]) -> list[Record]:
    """These executions, in the order given."""
    if not ids:
        return []
    rows = await session.execute(
        select(*HEAD, T.c.name.label("task_name"), W.c.name.label("worker_name"))
        .select_from(E.join(T, T.c.id == E.c.task_id).outerjoin(W, W.c.id == E.c.worker_id))
        .where(E.c.id.in_(ids))
    )
    found = {row.id: row for row in rows}
    return [found[each] for each in ids if each in found]


async def head(session: ReadSession, execution_id: int, need: Right = Right.VIEW) -> Record | None:
    """One execution without its output, with `task_name`, `worker_name` and the retry settings; None = no such.

    `allowed` is 1 where whoever asks has the right `need` on its task.
    """
    rows = await session.execute(
        select(
            *HEAD,
            T.c.name.label("task_name"),
            T.c.retries,
            W.c.name.label("worker_name"),
            case((permitted(session, need), 1), else_=0).label("allowed"),
        )
        .select_from(E.join(T, T.c.id == E.c.task_id).outerjoin(W, W.c.id == E.c.worker_id))
        .where(E.c.id == execution_id, T.c.deleted_at.is_(None), permitted(session))
    )
    return rows.first()


async def output(session: ReadSession, execution_id: int) -> tuple[str | None, str | None]:
    """Stdout and stderr of the last attempt as text; None while there is none."""
    row = (await session.execute(select(E.c.stdout, E.c.stderr).where(E.c.id == execution_id))).first()
    return (row.stdout, row.stderr) if row else (None, None)


async def report(session: ReadSession, execution_id: int) -> Mapping[str, Any] | None:
    """What the last attempt has said of itself; None where it says nothing."""
    found: Mapping[str, Any] | None = await session.scalar(select(E.c.report).where(E.c.id == execution_id))
    return found


async def pieces(session: ReadSession, execution_id: int, token: int) -> list[Record]:
    """The pieces of output of one attempt, in the order they came: seq, stream ("o", "e"), at (s), data (bytes)."""
    rows = await session.execute(
        select(P.c.seq, P.c.stream, P.c.at, P.c.data)
        .where(P.c.execution_id == execution_id, P.c.token == token)
        .order_by(P.c.seq)
    )
    return list(rows)


async def piece_index(session: ReadSession, execution_id: int, token: int) -> list[Record]:
    """Where the pieces of an attempt lie, without what is in them: seq, stream, at, lines (None = not counted)."""
    rows = await session.execute(
        select(P.c.seq, P.c.stream, P.c.at, P.c.lines)
        .where(P.c.execution_id == execution_id, P.c.token == token)
        .order_by(P.c.seq)
    )
    return list(rows)


async def piece_data(session: ReadSession, execution_id: int, token: int, seqs: Sequence[int]) -> dict[int, bytes]:
    """What is in these pieces, by seq."""
    if not seqs:
        return {}
    rows = await session.execute(
        select(P.c.seq, P.c.data).where(P.c.execution_id == execution_id, P.c.token == token, P.c.seq.in_(seqs))
    )
    return {row.seq: row.data for row in rows}


async def recorded(session: ReadSession, execution_id: int) -> Record | None:
    """What the row of an execution holds of its output: stdout, stderr, timing."""
    rows = await session.execute(select(E.c.stdout, E.c.stderr, E.c.timing).where(E.c.id == execution_id))
    return rows.first()


async def recorded_attempt(session: ReadSession, execution_id: int, token: int) -> Record | None:
    """The same of an attempt that another one followed."""
    rows = await session.execute(
        select(A.c.stdout, A.c.stderr, A.c.timing).where(A.c.execution_id == execution_id, A.c.token == token)
    )
    return rows.first()


async def attempts(session: ReadSession, execution_id: int, *, with_output: bool = False) -> list[Record]:
    """Every attempt that has ended, the first one first, with `worker_name`."""
    columns = [column for column in A.c if with_output or column.name not in ("stdout", "stderr", "timing")]
    rows = await session.execute(
        select(*columns, W.c.name.label("worker_name"))
        .select_from(A.outerjoin(W, W.c.id == A.c.worker_id))
        .where(A.c.execution_id == execution_id)
        .order_by(A.c.token)
    )
    return list(rows)


async def endings(session: ReadSession, ids: Sequence[int]) -> list[Record]:
    """How these executions stand, in order: id, status, exit_code, signal, error, finished_at, and the proof of how
    their processes were ended, None where there is none."""
    rows = await session.execute(
        select(E.c.id, E.c.status, E.c.exit_code, E.c.signal, E.c.error, E.c.finished_at, A.c.proof)
        .select_from(
            E.join(T, T.c.id == E.c.task_id).outerjoin(A, and_(A.c.execution_id == E.c.id, A.c.token == E.c.token))
        )
        .where(E.c.id.in_(ids), permitted(session))
        .order_by(E.c.id)
    )
    return list(rows)


async def neighbours(session: ReadSession, *, task_id: int, execution_id: int) -> tuple[int | None, int | None]:
    """The execution of the same task before this one, and the one after."""
    before = await session.scalar(select(func.max(E.c.id)).where(E.c.task_id == task_id, E.c.id < execution_id))
    after = await session.scalar(select(func.min(E.c.id)).where(E.c.task_id == task_id, E.c.id > execution_id))
    return before, after


async def newest(session: ReadSession, task_id: int, *, started: bool = False) -> int | None:
    """The newest execution of a task; with `started`, the newest that has begun."""
    where = [E.c.task_id == task_id, *([E.c.token > 0] if started else [])]
    found: int | None = await session.scalar(select(func.max(E.c.id)).where(*where))
    return found
