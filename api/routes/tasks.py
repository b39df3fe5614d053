"""Tasks: list, create, look, change, delete, switch, run, stop, clean up."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access import takes
from api.deps import ClockDep, DatabaseDep, ReadDep, UserDep, WriteDep, WriteNow
from api.schemas.base import STOP_RESPONSES, Page, PageNumber, PageSize, Search, TaskId, Wait
from api.schemas.executions import Started, Stopped
from api.schemas.tasks import CleanedUp, Deleted, TaskOut, TaskStatus
from common.db.session import WriteSession
from common.domain.permissions import Right
from common.domain.states import Status, TaskState
from common.fields import Flag, Whole
from common.queries.tasks import TaskQuery
from common.services import executions, stopping, tasks
from common.services.inputs import TaskInput, TaskPatch

router = APIRouter(tags=["tasks"])


@router.get("/tasks")
async def list_tasks(
    session: ReadDep,
    search: Search = "",
    q: Search = "",
    status: TaskState | None = None,
    tag: Search = "",
    queue: Search = "",
    enabled: bool | None = None,
    sort: Annotated[str, Query(pattern="^-?(id|name|created_at|updated_at)$")] = "-id",
    page: PageNumber = 1,
    page_size: PageSize = 50,
) -> Page[TaskOut]:
    """List tasks; `search` (or `q`) looks in name and command."""
    query = TaskQuery(search or q, status, tag, queue, enabled, sort, page, page_size)
    views, total = await tasks.list_page(session, query)
    return Page[TaskOut].of([TaskOut.of(view) for view in views], total=total, page=page, page_size=page_size)


@router.post("/tasks", status_code=201)
async def create_task(data: TaskInput, session: WriteDep, now: WriteNow, user: UserDep) -> TaskOut:
    """Create a task. `name` and `command` are enough for one that is run by hand; `cron` makes it run by itself."""
    task = await tasks.create(session, data, owner_id=user.user_id, now=now)
    assert task.id is not None
    return TaskOut.of(await tasks.view(session, task.id))


@router.get("/tasks/{task_id}")
async def get_task(task_id: TaskId, session: ReadDep) -> TaskOut:
    """One task."""
    return TaskOut.of(await tasks.view(session, task_id))


@router.put("/tasks/{task_id}")
@router.patch("/tasks/{task_id}")
async def update_task(task_id: TaskId, data: TaskPatch, session: WriteDep, now: WriteNow, user: UserDep) -> TaskOut:
    """Change the given fields; what is left out stays as it is."""
    await tasks.update(session, task_id, data, now=now, by=user.username)
    return TaskOut.of(await tasks.view(session, task_id))


@router.delete("/tasks/{task_id}", openapi_extra=takes(Right.OWN))
@router.post("/tasks/{task_id}/delete", openapi_extra=takes(Right.OWN))
async def delete_task(task_id: TaskId, session: WriteDep, now: WriteNow, user: UserDep) -> Deleted:
    """Delete a task with its history. What of it still runs is ended first."""
    await tasks.delete(session, task_id, by=user.username, now=now)
    return Deleted(id=task_id)


class Toggle(BaseModel):
    """Which way to switch; the other way round when left out."""

    model_config = ConfigDict(extra="forbid")
    enabled: Flag | None = None


@router.post("/tasks/{task_id}/toggle")
async def toggle_task(
    task_id: TaskId, session: WriteDep, now: WriteNow, user: UserDep, data: Annotated[Toggle | None, Body()] = None
) -> TaskOut:
    """Pause or resume. Resuming starts from now: what would have run meanwhile is not made up for."""
    await tasks.set_enabled(session, task_id, data.enabled if data else None, now=now, by=user.username)
    return TaskOut.of(await tasks.view(session, task_id))


RequestKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=100,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="The same key again is the same execution.",
    ),
]


@router.post("/tasks/{task_id}/run", status_code=202, openapi_extra=takes(Right.RUN))
@router.post("/tasks/{task_id}/execute", status_code=202, openapi_extra=takes(Right.RUN))
async def run_task(
    task_id: TaskId, session: WriteDep, now: WriteNow, user: UserDep, request_id: RequestKey = None
) -> Started:
    """Run the task now, also when it is paused or running already."""
    execution_id = await tasks.run_now(session, task_id, by=user.username, now=now, request_id=request_id)
    row = await executions.get(session, execution_id)
    return Started.model_validate(Started.values(row) | {"execution_id": execution_id})


@router.post("/tasks/{task_id}/stop", openapi_extra=takes(Right.RUN), responses=STOP_RESPONSES)
async def stop_task(
    task_id: TaskId, database: DatabaseDep, clock: ClockDep, user: UserDep, response: Response, wait: Wait = 15
) -> Stopped:
    """Stop everything of the task that is queued or runs, and say how every process of it was ended."""

    async def ask(session: WriteSession, now: datetime) -> Mapping[int, Status]:
        return await tasks.stop(session, task_id, by=user.username, now=now)

    seen = await stopping.stop(database, clock, ask, wait=wait)
    response.status_code = 202 if seen.unfinished else 200
    return Stopped.of(task_id, seen)


class Cleanup(BaseModel):
    """What to keep."""

    model_config = ConfigDict(extra="forbid")
    keep: Whole = Field(0, ge=0, le=1_000_000, description="Newest finished executions to keep.")
    older_than_days: Whole | None = Field(None, ge=0, le=36_500, description="Only what finished longer ago.")


@router.post("/tasks/{task_id}/cleanup")
async def cleanup_task(
    task_id: TaskId, session: WriteDep, now: WriteNow, data: Annotated[Cleanup | None, Body()] = None
) -> CleanedUp:
    """Delete finished executions of the task, all of them unless the body says what to keep."""
    wish = data or Cleanup(keep=0, older_than_days=None)
    deleted = await tasks.cleanup(session, task_id, keep=wish.keep, older_than_days=wish.older_than_days, now=now)
    return CleanedUp(task_id=task_id, deleted=deleted)


@router.get("/tasks/{task_id}/status")
async def task_status(task_id: TaskId, session: ReadDep) -> TaskStatus:
    """The state of the task: ACTIVE, PAUSED, RUNNING, PENDING or FAILED."""
    return TaskStatus.of(await tasks.view(session, task_id))
