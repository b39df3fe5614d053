"""Reading tasks: a page of them, and what each one's executions say about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, String, case, cast, false, func, not_, or_, select, true

from common.db.functions import contains
from common.db.models import Execution, Schedule, Task, table_of
from common.db.session import ReadSession
from common.domain.states import Status, TaskState, task_state
from common.queries.newest import Last, newest
from common.queries.task_states import PENDING, RANKS, States, read_states
from common.queries.visibility import listed

T = table_of(Task)
E = table_of(Execution)
S = table_of(Schedule)


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
#: Up to so many tasks a search finds are counted by the way, so that it is done once.
_BY_THE_WAY = 10_000


def _there(session: ReadSession) -> list[ColumnElement[bool]]:
    """The conditions on every list of tasks: not deleted, and theirs to see."""
    return [T.c.deleted_at.is_(None), listed(session)]


def _not_deleted() -> ColumnElement[bool]:
    """The same as `deleted_at IS NULL`, and no reason to use its index: where ids lead, or few rows are wanted in the
    order of ids, SQLite would rather read all tasks by it and sort them (90 ms of 100,000)."""
    return case((T.c.deleted_at.is_(None), 1), else_=0) == 1


def _conditions(session: ReadSession, query: TaskQuery, found: States) -> list[ColumnElement[bool]]:
    conditions = [listed(session)]
    if query.search:
        conditions.append(or_(contains(T.c.name, query.search), contains(T.c.command, query.search)))
    if query.status is not None:
        conditions.append(found.showing(query.status))
    if query.tag:
        # Tags are a JSON list of strings; the quotes make it match whole tags only.
        conditions.append(cast(T.c.tags, String).contains(f'"{query.tag}"', autoescape=True))
    if query.queue:
        conditions.append(T.c.queue == query.queue)
    if query.enabled is not None:
        conditions.append(T.c.enabled.is_(query.enabled))
    return conditions


async def page(
    session: ReadSession, query: TaskQuery, states: States | None = None, total: int | None = None
) -> tuple[list[Task], int]:
    """One page of tasks, and how many there are in all. `states` and `total`, where they were read a moment ago."""
    attention = query.sort == ATTENTION
    states = states or await _states(session, query)
    conditions = _conditions(session, query, states)
    size, offset = query.page_size, (query.page - 1) * query.page_size
    # Ids first: what is sorted or skipped is not read whole.
    ordered = _by_attention(conditions, states) if attention else _by_column(query, conditions)
    if query.search or query.tag:
        found = await _ids(session, ordered, _BY_THE_WAY + 1, 0)
        if len(found) <= _BY_THE_WAY:
            return await _tasks(session, found[offset : offset + size]), len(found)
    if total is None:
        total = await session.scalar(select(func.count()).select_from(T).where(T.c.deleted_at.is_(None), *conditions))
    return await _tasks(session, await _ids(session, ordered, size, offset)), total or 0


async def _states(session: ReadSession, query: TaskQuery) -> States:
    """What the list needs to know of them."""
    if query.sort != ATTENTION and query.status is None:
        return States()
    needed = query.sort == ATTENTION or query.status in (TaskState.FAILED, TaskState.ACTIVE)
    return await read_states(session, failed=needed)


def _by_column(query: TaskQuery, conditions: Sequence[ColumnElement[bool]]) -> list[Select[int]]:
    name = query.sort.removeprefix("-")
    column = SORTS[name]
    order = [column.desc(), T.c.id.desc()] if query.sort.startswith("-") else [column.asc(), T.c.id.asc()]
    # An index has them by name; what is searched in is read anyway, and little of it is left to be sorted.
    there = T.c.deleted_at.is_(None) if name == "name" and not query.search else _not_deleted()
    return [select(T.c.id).where(there, *conditions).order_by(*order)]


def _by_attention(conditions: Sequence[ColumnElement[bool]], states: States) -> list[Select[int]]:
    """Three lists, one after the other: what needs somebody or is at work is found by id and sorted, of the others an
    index has those that are enabled by name, and those that are paused."""
    some = states.special()
    first = select(T.c.id).where(_not_deleted(), some, *conditions).order_by(states.rank(), T.c.name, T.c.id)
    rest = select(T.c.id).where(T.c.deleted_at.is_(None), not_(some), *conditions).order_by(T.c.name, T.c.id)
    return [first, *(rest.where(T.c.enabled == enabled) for enabled in (true(), false()))]


async def _ids(session: ReadSession, lists: Sequence[Select[int]], limit: int, offset: int) -> list[int]:
    """A part of several lists that follow one another."""
    found: list[int] = []
    for number, each in enumerate(lists):
        rows = list(await session.scalars(each.limit(limit - len(found)).offset(offset)))
        found += rows
        if len(found) == limit or number == len(lists) - 1:
            break
        skipped = 0 if rows or not offset else await session.scalar(select(func.count()).select_from(each.subquery()))
        offset = 0 if rows else max(0, offset - (skipped or 0))
    return found


async def _tasks(session: ReadSession, ids: Sequence[int]) -> list[Task]:
    """These tasks in this order."""
    rows = {task.id: task for task in await session.scalars(select(Task).where(T.c.id.in_(ids)))} if ids else {}
    return [rows[each] for each in ids if each in rows]


async def counts(session: ReadSession, states: States | None = None) -> dict[TaskState, int]:
    """How many tasks show each state. `states`, where they were read a moment ago."""
    states = states or await read_states(session)
    found = dict.fromkeys(TaskState, 0)
    every = await session.execute(select(T.c.enabled, func.count()).where(*_there(session)).group_by(T.c.enabled))
    idle = {bool(enabled): count for enabled, count in every}
    some = select(T.c.enabled, states.rank().label("rank")).where(_not_deleted(), states.special(), listed(session))
    ranked = some.subquery()
    rows = select(ranked.c.enabled, ranked.c.rank, func.count()).group_by(ranked.c.enabled, ranked.c.rank)
    for enabled, rank, count in await session.execute(rows):
        found[RANKS[rank]] += count
        idle[bool(enabled)] -= count
    found[TaskState.PAUSED] = idle.get(False, 0)
    found[TaskState.ACTIVE] = idle.get(True, 0)
    return found


def counted(query: TaskQuery, counts: Mapping[TaskState, int]) -> int | None:
    """How many tasks this query finds, where `counts` says so: nothing but a state is asked for."""
    if query.search or query.tag or query.queue or query.enabled is not None:
        return None
    return sum(counts.values()) if query.status is None else counts[query.status]


async def tags(session: ReadSession, limit: int = 200) -> list[str]:
    """Every tag in use, sorted."""
    # As text: PostgreSQL cannot say whether two values of JSON are the same. Most have none, and MariaDB sorts slowly.
    text = cast(T.c.tags, String)
    rows = await session.scalars(
        select(text).where(text != "[]", _not_deleted(), listed(session)).distinct().limit(5000)
    )
    return sorted({tag for row in rows for tag in json.loads(row)})[:limit]


async def names(session: ReadSession, task_ids: Sequence[int]) -> dict[int, str]:
    """What these tasks are called, of those that whoever asks may see."""
    rows = await session.execute(select(T.c.id, T.c.name).where(T.c.id.in_(task_ids), *_there(session)))
    return {row.id: row.name for row in rows}


async def conditions(session: ReadSession, task_ids: Sequence[int]) -> dict[int, Condition]:
    """What the executions of each of these tasks say: three queries for a whole page, none reads output."""
    found = {task_id: Condition() for task_id in task_ids}
    if not task_ids:
        return found
    active = await session.execute(
        select(E.c.task_id, E.c.id, E.c.status)
        .where(E.c.task_id.in_(task_ids), E.c.status.in_((Status.RUNNING, *PENDING)))
        .order_by(E.c.id)
    )
    for task_id, execution_id, status in active:
        target = found[task_id].running if status == Status.RUNNING else found[task_id].pending
        target.append(execution_id)
    for task_id, last in (await newest(session, task_ids, limit=1, ran=True)).items():
        found[task_id].last = last[0] if last else None
    due = await session.execute(
        select(S.c.task_id, func.min(func.coalesce(S.c.runs_at, S.c.next_run_at)).label("next_run_at"))
        .where(S.c.task_id.in_(task_ids))
        .group_by(S.c.task_id)
    )
    for task_id, next_run_at in due:
        found[task_id].next_run_at = next_run_at
    return found
