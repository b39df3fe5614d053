"""Tasks: create, change, pause, run, stop, clean up, delete. Each function is part of its caller's transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy import Select, case, select

from common.db.models import Schedule, Task
from common.db.session import ReadSession, WriteSession
from common.db.wakeup import notify
from common.domain.permissions import Right, right_of
from common.domain.states import Status
from common.domain.variables import links
from common.errors import DomainError, Forbidden, Invalid, NotFound
from common.kinds import KINDS
from common.kinds.base import KIND_SPEC
from common.queries import calendars
from common.queries import tasks as queries
from common.queries.task_states import States
from common.queries.visibility import permitted, shared_rights
from common.queue import cancel, enqueue, history
from common.queue.transitions import E
from common.services import audit, references, rights, schedules, variables, versions
from common.services.audit import Thing
from common.services.inputs import TaskInput, TaskPatch

#: Kept in `spec`, and what is not there means.
_SPEC: Mapping[str, Any] = {"env": {}, "args": [], "cwd": None, "limits": None, "run_as": None, "files_days": None}
_OWN = (
    "name",
    "description",
    "kind",
    "command",
    "queue",
    "priority",
    "timeout",
    "retries",
    "retry_delay",
    "retry_backoff",
    "concurrency",
    "delivery",
    "misfire_policy",
    "misfire_grace",
    "max_history",
    "enabled",
    "tags",
)


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with what belongs to it; `days` are those of the calendars its schedules keep to.

    `right` is what whoever asked may do with it.
    """

    task: Task
    schedules: Sequence[Schedule]
    condition: queries.Condition
    days: calendars.Known = field(default_factory=dict)
    right: Right = Right.VIEW


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one id of a bulk operation."""

    id: int
    ok: bool
    error: DomainError | None = None
    value: Any = None


async def get(session: ReadSession, task_id: int, need: Right = Right.VIEW) -> Task:
    """The task, if whom the session speaks for may do this with it; raises NotFound, Forbidden."""
    return await _found(session, task_id, _existing(session, task_id, need))


def _existing(session: ReadSession, task_id: int, need: Right) -> Select[Task, int]:
    """The task that they may see, and 1 beside it where they may do what they want to."""
    return select(Task, case((permitted(session, need), 1), else_=0)).where(
        Task.id == task_id,  # type: ignore[arg-type]
        Task.deleted_at.is_(None),  # type: ignore[union-attr]
        permitted(session),
    )


async def _found(session: ReadSession, task_id: int, statement: Select[Task, int]) -> Task:
    row = (await session.execute(statement)).first()
    if row is None:
        raise NotFound("There is no task {id}.", id=task_id)
    task, allowed = row
    if not allowed:
        raise Forbidden("You may look at this task, but not do this with it. Ask its owner, or an administrator.")
    return task


async def lock_one(session: WriteSession, task_id: int, need: Right) -> Task:
    """Lock the task's row, and read it as it is now; raises NotFound, Forbidden."""
    statement = _existing(session, task_id, need).with_for_update().execution_options(populate_existing=True)
    return await _found(session, task_id, statement)


async def _lock(session: WriteSession, task_id: int, need: Right) -> tuple[Task, list[Schedule]]:
    """Lock a task and its schedules against the scheduler and other people; raises NotFound, Forbidden.

    The schedules first, as firing does. A task may have none, or somebody may have added one while we waited: only
    with the task locked too they are read for good. Without that two edits left the schedules of both, and a task
    deleted or paused meanwhile got a schedule that fired.
    """
    await schedules.lock(session, [task_id])
    task = await lock_one(session, task_id, need)
    return task, await schedules.lock(session, [task_id])


async def view(session: ReadSession, task_id: int) -> TaskView:
    """The task with its schedules and what its executions say; raises NotFound."""
    return (await views(session, [await get(session, task_id)]))[0]


async def views(session: ReadSession, tasks: Sequence[Task]) -> list[TaskView]:
    """These tasks with their schedules and what their executions say; whoever asks sees them all."""
    ids = [task.id for task in tasks if task.id is not None]
    found = await schedules.of_tasks(session, ids)
    conditions = await queries.conditions(session, ids)
    days = await calendars.known(session, [row for rows in found.values() for row in rows])
    shared = await shared_rights(session, ids)
    return [
        TaskView(task, found[task.id], conditions[task.id], days, right)
        for task in tasks
        if task.id is not None and (right := right_of(session.actor, task.owner_id, shared.get(task.id)))
    ]


async def list_page(
    session: ReadSession, query: queries.TaskQuery, states: States | None = None, total: int | None = None
) -> tuple[list[TaskView], int]:
    """One page of tasks, and how many there are in all. `states` and `total`, where they were read a moment ago."""
    tasks, total = await queries.page(session, query, states, total)
    return await views(session, tasks), total


async def create(session: WriteSession, data: TaskInput, *, owner_id: int | None, now: datetime) -> Task:
    """Store a new task with its schedules; raises Invalid naming the field, Forbidden."""
    await rights.check_code(session, {data.kind})
    rights.check_user(session, None, data.run_as, ["command"])
    rights.check_reach(session, {}, data.spec, ["command"])
    task = Task(owner_id=owner_id, created_at=now, updated_at=now, **_columns(data))
    task.spec |= await variables.bind(session, data.variables, before={}, owner_id=owner_id)
    await references.check(session, data, before=None)
    task.paused_at = None if data.enabled else now
    session.add(task)
    await session.flush()
    await schedules.replace(session, task, [], data, now=now)
    assert task.id is not None
    await versions.first(session, task, definition(task, await schedules.of_task(session, task.id)), now=now)
    await audit.record(session, "task.create", _thing(task), now=now)
    await notify(session)
    return task


def _thing(task: Task) -> Thing:
    return Thing("task", task.id, task.name)


def _columns(data: TaskInput) -> dict[str, Any]:
    limits = data.limits.model_dump(exclude_none=True) if data.limits else None
    spec = {name: getattr(data, name) for name in _SPEC} | {"limits": limits}
    spec |= {KIND_SPEC: kind_spec} if (kind_spec := KINDS[data.kind].stored(data.spec)) else {}
    return {**{name: getattr(data, name) for name in _OWN}, "spec": spec}


def as_input(view: TaskView) -> dict[str, Any]:
    """The task as its author would write it: what `create` takes."""
    task = view.task
    written = {name: getattr(task, name) for name in _OWN} | {
        name: task.spec.get(name, none) for name, none in _SPEC.items()
    }
    written["variables"] = [name for _, name in links(task.spec)]
    written["spec"] = task.spec.get(KIND_SPEC, {})
    rows = view.schedules
    if len(rows) == 1 and is_plain(rows[0]):
        return written | {"cron": rows[0].expr, "timezone": rows[0].timezone}
    return written | {"schedules": [_written(row) for row in rows]}


def _written(row: Schedule) -> dict[str, Any]:
    names = ("kind", "expr", "timezone", "start_at", "end_at", "jitter", "calendar_id")
    calendar = {"calendar": row.calendar_name or None, "calendar_rule": row.calendar_rule or None}
    return {name: getattr(row, name) for name in names} | calendar


def definition(task: Task, rows: Sequence[Schedule]) -> dict[str, Any]:
    """All that makes a version of the task, as JSON: what its author wrote, but whether it is paused."""
    written = as_input(TaskView(task, rows, queries.Condition()))
    for name in ("cron", "timezone", "enabled"):
        written.pop(name, None)
    found: dict[str, Any] = to_jsonable_python(written | {"schedules": [_written(row) for row in rows]})
    return found


def is_plain(schedule: Schedule) -> bool:
    """Whether the `cron` field alone says all of this schedule."""
    return schedule.kind == "cron" and not (
        schedule.start_at or schedule.end_at or schedule.jitter or schedule.calendar_rule
    )


def merge(view: TaskView, patch: TaskPatch) -> TaskInput:
    """The task with the given fields of `patch`; raises Invalid naming the field."""
    written = as_input(view)
    given = patch.model_dump(exclude_unset=True)
    if given.get("kind", view.task.kind) != view.task.kind:
        written.pop("spec")
    if given.keys() & {"cron", "schedules"}:
        written.pop("cron", None)
        written.pop("schedules", None)
    elif "timezone" in given and "schedules" in written:
        for item in written["schedules"]:
            item["timezone"] = given["timezone"]
    try:
        return TaskInput.model_validate(written | given)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> Invalid:
    """The first of pydantic's errors as ours."""
    first = error.errors()[0]
    params = dict(first.get("ctx", {}))
    template, _ = params.pop("template", None), params.pop("text", None)
    field = ".".join(map(str, first["loc"]))
    return Invalid(template or first["msg"], field=field, **(params if template else {}))


async def update(session: WriteSession, task_id: int, patch: TaskPatch, *, now: datetime, by: str = "") -> Task:
    """Change the given fields. A schedule that stays as it was keeps its next instant.

    Raises NotFound, Forbidden, Invalid.
    """
    task, rows = await _lock(session, task_id, Right.EDIT)
    data = merge((await views(session, [task]))[0], patch)
    was_enabled, before = task.enabled, definition(task, rows)
    changed = _changed(task, data)
    await rights.check_code(session, {task.kind, data.kind}, changed)
    rights.check_user(session, task.spec.get("run_as"), data.run_as, changed)
    rights.check_reach(session, task.spec.get(KIND_SPEC, {}), data.spec, changed)
    given = await variables.bind(session, data.variables, before=task.spec, owner_id=task.owner_id)
    await references.check(session, data, before=task)
    for name, value in _columns(data).items():
        setattr(task, name, value)
    task.spec = task.spec | given
    task.updated_at = now
    await session.flush()
    await schedules.replace(session, task, rows, data, now=now)
    kept = await schedules.of_task(session, task_id)
    if {row.id for row in kept} != {row.id for row in rows}:
        changed.append("schedules")
    await versions.follow(session, task, before, definition(task, kept), now=now)
    await audit.record(session, "task.update", _thing(task), now=now, details={"fields": changed})
    if data.enabled != was_enabled:
        await _switch(session, task, await schedules.lock(session, [task_id]), enabled=data.enabled, by=by, now=now)
    await notify(session)
    return task


def _changed(task: Task, data: TaskInput) -> list[str]:
    """Names of the fields that `data` changes; of schedules nothing is said here."""
    own = [name for name in _OWN if getattr(task, name) != getattr(data, name)]
    spec = _columns(data)["spec"]
    own += [name for name, none in _SPEC.items() if task.spec.get(name, none) != spec[name]]
    own += ["spec"] if task.spec.get(KIND_SPEC, {}) != spec.get(KIND_SPEC, {}) else []
    return own + (["variables"] if [name for _, name in links(task.spec)] != data.variables else [])


async def set_enabled(
    session: WriteSession, task_id: int, enabled: bool | None, *, now: datetime, by: str = ""
) -> Task:
    """Pause or resume a task (None = the other of the two). Resuming starts from now, never from where it stopped."""
    task, rows = await _lock(session, task_id, Right.EDIT)
    enabled = not task.enabled if enabled is None else enabled
    if enabled != task.enabled:
        await _switch(session, task, rows, enabled=enabled, by=by, now=now)
        await audit.record(session, "task.resume" if enabled else "task.pause", _thing(task), now=now)
        await notify(session)
    return task


async def _switch(
    session: WriteSession, task: Task, rows: Sequence[Schedule], *, enabled: bool, by: str, now: datetime
) -> None:
    assert task.id is not None
    task.enabled, task.updated_at = enabled, now
    task.paused_at, task.paused_by = (None, "") if enabled else (now, by)
    if enabled:
        await schedules.resume(session, task, rows, now=now)
    else:
        schedules.pause(rows)
    await session.flush()
    if not enabled:
        await cancel.skip_queued(session, task_ids=[task.id], reason="paused", now=now)


async def run_now(session: WriteSession, task_id: int, *, by: str, now: datetime, request_id: str | None = None) -> int:
    """Queue the task at once, whatever its schedule, pause or concurrency policy says; returns the execution's id.

    The same `request_id` again is the same execution. Locked: a task being deleted gets nothing more to run.
    """
    task = await lock_one(session, task_id, Right.RUN)
    key = enqueue.manual_key(request_id)
    row = enqueue.row(task, key=key, trigger="manual", scheduled_for=now, now=now, triggered_by=by)
    await enqueue.enqueue(session, [row])
    await notify(session)
    found: int | None = await session.scalar(select(E.c.id).where(E.c.task_id == task_id, E.c.fire_key == key))
    assert found is not None
    await audit.record(session, "task.run", _thing(task), now=now, details={"execution": found})
    return found


async def stop(session: WriteSession, task_id: int, *, by: str, now: datetime) -> dict[int, Status]:
    """Stop everything of the task that is queued or runs; returns each execution and the state it was found in."""
    task = await get(session, task_id, Right.RUN)
    found = await cancel.request_stop(session, [E.c.task_id == task_id], by=by, now=now)
    await audit.record(session, "task.stop", _thing(task), now=now, details={"executions": list(found)})
    await notify(session)
    return found


async def delete(session: WriteSession, task_id: int, *, by: str, now: datetime) -> None:
    """Delete the task and its history. What runs is stopped first; the rows go when nothing of it is left."""
    task, rows = await _lock(session, task_id, Right.OWN)
    for row in rows:
        await session.delete(row)
    task.deleted_at, task.enabled = now, False
    await session.flush()
    await cancel.request_stop(session, [E.c.task_id == task_id], by=by, now=now)
    await audit.record(session, "task.delete", _thing(task), now=now)
    await notify(session)


async def cleanup(
    session: WriteSession, task_id: int, *, keep: int = 0, older_than_days: int | None = None, now: datetime
) -> int:
    """Delete finished executions but the newest `keep`, and only older ones when asked; returns how many."""
    task = await get(session, task_id, Right.EDIT)
    before = now - timedelta(days=older_than_days) if older_than_days is not None else None
    deleted = await history.delete_finished(session, task_id=task_id, keep=keep, before=before)
    await audit.record(session, "task.cleanup", _thing(task), now=now, details={"deleted": deleted})
    return deleted


async def each(
    session: WriteSession, ids: Sequence[int], work: Callable[[WriteSession, int], Awaitable[Any]], *, now: datetime
) -> list[BulkResult]:
    """Do `work` for every id, in a savepoint each: one that fails does not sink the rest.

    In the order of the ids, whatever order they were given in: two orders of locking would be a deadlock.
    """
    results = {}
    for task_id in sorted(set(ids)):
        try:
            async with session.begin_nested():
                results[task_id] = BulkResult(task_id, True, value=await work(session, task_id))
        except DomainError as error:
            results[task_id] = BulkResult(task_id, False, error=error)
            await rights.note_refusal(session, Thing("task", task_id), error, now=now)
    return [results[task_id] for task_id in dict.fromkeys(ids)]
