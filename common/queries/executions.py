"""Reading executions: lists never read output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select

from common.db.models import Attempt, Execution, ExecutionOutput, Task, Worker, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import Right
from common.domain.states import Status
from common.queries.visibility import listed, permitted

E = table_of(Execution)
T = table_of(Task)
A = table_of(Attempt)
P = table_of(ExecutionOutput)
W = table_of(Worker)

#: Everything of an execution but its output.
HEAD = tuple(column for column in E.c if column.name not in ("stdout", "stderr", "report", "timing"))


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """What a list of executions shows; times bound `scheduled_for`."""

    task_id: int | None = None
    status: Status | None = None
    trigger: str = ""
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""
    page: int = 1
    page_size: int = 50


def _conditions(session: ReadSession, query: ExecutionQuery) -> list[ColumnElement[bool]]:
    # Of one task a look by index; of all of them the set of those that are theirs.
    theirs = listed(session) if query.task_id is None else permitted(session)
    found: list[ColumnElement[bool]] = [T.c.deleted_at.is_(None), theirs]
    if query.task_id is not None:
        found.append(E.c.task_id == query.task_id)
    if query.status is not None:
        found.append(E.c.status == query.status)
    if query.trigger:
        found.append(E.c.trigger == query.trigger)
    if query.since is not None:
        found.append(E.c.scheduled_for >= query.since)
    if query.until is not None:
        found.append(E.c.scheduled_for <= query.until)
    if query.search:
        found.append(T.c.name.icontains(query.search, autoescape=True))
    return found


async def page(session: ReadSession, query: ExecutionQuery) -> tuple[list[Record], int]:
    """One page of executions, the newest first, with `task_name` and `worker_name`; and how many there are."""
    conditions = _conditions(session, query)
    joined = E.join(T, T.c.id == E.c.task_id)
    total = await session.scalar(select(func.count()).select_from(joined).where(*conditions))
    rows = await session.execute(
        select(*HEAD, T.c.name.label("task_name"), W.c.name.label("worker_name"))
        .select_from(joined.outerjoin(W, W.c.id == E.c.worker_id))
        .where(*conditions)
        .order_by(E.c.id.desc())
        .limit(query.page_size)
        .offset((query.page - 1) * query.page_size)
    )
    return list(rows), total or 0


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
