"""Reading tasks: a page of them, and what each one's executions say about it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, exists, func, literal_column, not_, or_, select

from common.db.models import Execution, Schedule, Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.states import UNWELL, Status, TaskState, task_state
from common.queries.visibility import listed

T = table_of(Task)
E = table_of(Execution)
S = table_of(Schedule)

#: What ran and ended: skipped and missed ones say nothing about how the task is.
RAN = tuple(sorted({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.LOST}))
_PENDING = (Status.QUEUED, Status.WAITING)


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """What a list of tasks shows. `search` looks in name and command; `sort` is a name of SORTS, `-` turns it, or
    ATTENTION."""

    search: str = ""
    status: TaskState | None = None
    tag: str = ""
    queue: str = ""
    enabled: bool | None = None
    sort: str = "-id"
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, slots=True)
class Last:
    """The newest finished execution of a task, without its output."""

    id: int
    status: Status
    scheduled_for: datetime
    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int | None
    error: str | None


@dataclass(slots=True)
class Condition:
    """What a task's executions say about it."""

    running: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    last: Last | None = None
    next_run_at: datetime | None = None

    def state(self, *, enabled: bool) -> TaskState:
        """The state the task shows."""
        return task_state(
            enabled=enabled,
            has_running=bool(self.running),
            has_queued=bool(self.pending),
            last_final=self.last.status if self.last else None,
        )


SORTS = {"id": T.c.id, "name": T.c.name, "created_at": T.c.created_at, "updated_at": T.c.updated_at}


#: Not a column: what failed first, then what runs, what waits, the rest, what is paused; each by name.
ATTENTION = "attention"


def _rank() -> ColumnElement[int]:
    return case(
        (in_state(TaskState.FAILED), 0),
        (_active(Status.RUNNING), 1),
        (_active(*_PENDING), 2),
        (T.c.enabled.is_(True), 3),
        else_=4,
    )


def _active(*statuses: Status) -> ColumnElement[bool]:
    # A set, and not a look for every task: few executions are active, and an index has them together.
    return T.c.id.in_(select(E.c.task_id).where(E.c.status.in_(statuses)))


def _failed_last() -> ColumnElement[bool]:
    """Tasks whose newest run went wrong: of those that ever did, the ones after which nothing ran that did not."""
    worst = (
        select((E.c.task_id + literal_column("0")).label("task_id"), func.max(E.c.id).label("id"))
        .where(E.c.status.in_(sorted(UNWELL)))
        # Not by the bare column: SQLite would read all there is in the order of its index, to spare the sorting.
        .group_by(E.c.task_id + literal_column("0"))
        .subquery()
    )
    later = E.alias("later")
    mended = exists().where(
        later.c.task_id == worst.c.task_id,
        later.c.id > worst.c.id,
        later.c.status.in_(sorted(set(RAN) - UNWELL)),
    )
    return T.c.id.in_(select(worst.c.task_id).where(~mended))


def in_state(state: TaskState) -> ColumnElement[bool]:
    """The condition that a task shows `state`: the rule of `domain.states.task_state`, in SQL."""
    idle = not_(_active(Status.RUNNING, *_PENDING))
    match state:
        case TaskState.RUNNING:
            return _active(Status.RUNNING)
        case TaskState.PENDING:
            return and_(_active(*_PENDING), not_(_active(Status.RUNNING)))
        case TaskState.PAUSED:
            return and_(T.c.enabled.is_(False), idle)
        case TaskState.FAILED:
            return and_(T.c.enabled.is_(True), idle, _failed_last())
        case TaskState.ACTIVE:
            return and_(T.c.enabled.is_(True), idle, not_(_failed_last()))


def _there(session: ReadSession) -> list[ColumnElement[bool]]:
    """The conditions on every list of tasks: not deleted, and theirs to see."""
    return [T.c.deleted_at.is_(None), listed(session)]


def _not_deleted() -> ColumnElement[bool]:
    """The same as `deleted_at IS NULL`, and no reason to use its index: where ids lead, or few rows are wanted in the
    order of ids, SQLite would rather read all tasks by it and sort them (90 ms of 100,000)."""
    return case((T.c.deleted_at.is_(None), 1), else_=0) == 1


def _conditions(session: ReadSession, query: TaskQuery) -> list[ColumnElement[bool]]:
    found = [listed(session)]
    if query.search:
        found.append(
            or_(
                T.c.name.icontains(query.search, autoescape=True),
                T.c.command.icontains(query.search, autoescape=True),
            )
        )
    if query.status is not None:
        found.append(in_state(query.status))
    if query.tag:
        # Tags are a JSON list of strings; the quotes make it match whole tags only.
        found.append(cast(T.c.tags, String).contains(f'"{query.tag}"', autoescape=True))
    if query.queue:
        found.append(T.c.queue == query.queue)
    if query.enabled is not None:
        found.append(T.c.enabled.is_(query.enabled))
    return found


async def page(session: ReadSession, query: TaskQuery) -> tuple[list[Task], int]:
    """One page of tasks, and how many there are in all."""
    conditions = _conditions(session, query)
    total = await session.scalar(select(func.count()).select_from(T).where(T.c.deleted_at.is_(None), *conditions))
    there = T.c.deleted_at.is_(None) if query.sort.removeprefix("-") == "name" else _not_deleted()
    down = query.sort.startswith("-")
    column = T.c.name if query.sort == ATTENTION else SORTS[query.sort.removeprefix("-")]
    order = [column.desc(), T.c.id.desc()] if down else [column.asc(), T.c.id.asc()]
    if query.sort == ATTENTION:
        order.insert(0, _rank().asc())
    rows = await session.scalars(
        select(Task)
        .where(there, *conditions)
        .order_by(*order)
        .limit(query.page_size)
        .offset((query.page - 1) * query.page_size)
    )
    return list(rows), total or 0


async def counts(session: ReadSession) -> dict[TaskState, int]:
    """How many tasks show each state."""
    found = dict.fromkeys(TaskState, 0)
    every = await session.execute(select(T.c.enabled, func.count()).where(*_there(session)).group_by(T.c.enabled))
    idle = {bool(enabled): count for enabled, count in every}
    running = func.max(case((E.c.status == Status.RUNNING, 1), else_=0)).label("running")
    at_work = (
        select((E.c.task_id + literal_column("0")).label("task_id"), running)
        .where(E.c.status.in_((Status.RUNNING, *_PENDING)))
        .group_by(E.c.task_id + literal_column("0"))
        .subquery()
    )
    active = await session.execute(
        select(T.c.enabled, at_work.c.running, func.count())
        .join(at_work, at_work.c.task_id == T.c.id)
        .where(*_there(session))
        .group_by(T.c.enabled, at_work.c.running)
    )
    for enabled, is_running, count in active:
        found[TaskState.RUNNING if is_running else TaskState.PENDING] += count
        idle[bool(enabled)] -= count
    failed = select(func.count()).select_from(T).where(_not_deleted(), listed(session), in_state(TaskState.FAILED))
    found[TaskState.FAILED] = await session.scalar(failed) or 0
    found[TaskState.PAUSED] = idle.get(False, 0)
    found[TaskState.ACTIVE] = idle.get(True, 0) - found[TaskState.FAILED]
    return found


async def tags(session: ReadSession, limit: int = 200) -> list[str]:
    """Every tag in use, sorted."""
    # As text: PostgreSQL cannot say whether two values of JSON are the same.
    rows = await session.scalars(select(cast(T.c.tags, String)).where(*_there(session)).distinct().limit(5000))
    return sorted({tag for row in rows for tag in json.loads(row)})[:limit]


async def names(session: ReadSession, task_ids: Sequence[int]) -> dict[int, str]:
    """What these tasks are called, of those that whoever asks may see."""
    rows = await session.execute(select(T.c.id, T.c.name).where(T.c.id.in_(task_ids), *_there(session)))
    return {row.id: row.name for row in rows}


def _newest(task_id: int) -> Select[int]:
    newest = (
        select(E.c.id).where(E.c.task_id == task_id, E.c.status.in_(RAN)).order_by(E.c.id.desc()).limit(1).subquery()
    )
    return select(newest.c.id)


async def conditions(session: ReadSession, task_ids: Sequence[int]) -> dict[int, Condition]:
    """What the executions of each of these tasks say: three queries for a whole page, none reads output."""
    found = {task_id: Condition() for task_id in task_ids}
    if not task_ids:
        return found
    active = await session.execute(
        select(E.c.task_id, E.c.id, E.c.status)
        .where(E.c.task_id.in_(task_ids), E.c.status.in_((Status.RUNNING, *_PENDING)))
        .order_by(E.c.id)
    )
    for task_id, execution_id, status in active:
        target = found[task_id].running if status == Status.RUNNING else found[task_id].pending
        target.append(execution_id)
    ids = await session.scalars(_union([_newest(task_id) for task_id in task_ids]))
    last = await session.execute(select(E.c.task_id, *_LAST).where(E.c.id.in_(list(ids))))
    for record in last:
        found[record.task_id].last = _last(record)
    due = await session.execute(
        select(S.c.task_id, func.min(func.coalesce(S.c.runs_at, S.c.next_run_at)).label("next_run_at"))
        .where(S.c.task_id.in_(task_ids))
        .group_by(S.c.task_id)
    )
    for task_id, next_run_at in due:
        found[task_id].next_run_at = next_run_at
    return found


_LAST = (E.c.id, E.c.status, E.c.scheduled_for, E.c.started_at, E.c.finished_at, E.c.exit_code, E.c.error)


def _last(row: Record) -> Last:
    return Last(
        row.id, Status(row.status), row.scheduled_for, row.started_at, row.finished_at, row.exit_code, row.error
    )


def _union(parts: Sequence[Select[int]]) -> Select[int]:
    """One statement of many index seeks: a window function would read every execution of these tasks."""
    if len(parts) == 1:
        return parts[0]
    joined = parts[0].union_all(*parts[1:]).subquery()
    return select(joined.c[0])


async def recent(session: ReadSession, task_ids: Sequence[int], *, limit: int = 20) -> dict[int, list[Last]]:
    """The newest executions of each of these tasks, oldest first, in one query: the bars of a whole page."""
    found: dict[int, list[Last]] = {task_id: [] for task_id in task_ids}
    if not task_ids:
        return found
    parts = []
    for task_id in task_ids:
        newest = select(E.c.id).where(E.c.task_id == task_id).order_by(E.c.id.desc()).limit(limit).subquery()
        parts.append(select(newest.c.id))
    rows = await session.execute(select(E.c.task_id, *_LAST).where(E.c.id.in_(_union(parts))).order_by(E.c.id))
    for row in rows:
        found[row.task_id].append(_last(row))
    return found
