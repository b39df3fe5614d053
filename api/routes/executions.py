"""Executions: list, look, stop."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.access import takes
from api.deps import ClockDep, DatabaseDep, ReadDep, UserDep
from api.schemas.base import STOP_RESPONSES, ExecutionId, PageNumber, PageSize, Search, TaskId, Wait
from api.schemas.executions import AttemptOut, ExecutionOut, ExecutionPage, Stopped
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import Right
from common.domain.states import Status
from common.queries import executions as queries
from common.queries.executions import ExecutionQuery
from common.services import executions, stopping, tasks
from common.services.inputs import Time

router = APIRouter(tags=["executions"])


Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only ids below: on from the last of a page.")]


async def _page(session: ReadSession, query: ExecutionQuery) -> ExecutionPage:
    return ExecutionPage.found(await queries.page(session, query), query)


@router.get("/executions")
async def list_executions(
    session: ReadDep,
    status: Status | None = None,
    trigger: Search = "",
    search: Search = "",
    since: Time | None = None,
    until: Time | None = None,
    page: PageNumber = 1,
    page_size: PageSize = 50,
    before: Before = None,
) -> ExecutionPage:
    """List executions of all tasks, the newest first; with `since` or `until`, the one that was due last.
    `search` looks in the task's name. Far down, `before` is faster than `page`."""
    return await _page(session, ExecutionQuery(None, status, trigger, since, until, search, page, page_size, before))


@router.get("/executions/{execution_id}")
async def get_execution(execution_id: ExecutionId, session: ReadDep) -> ExecutionOut:
    """One execution with its output; while it runs, what has come so far."""
    return await _whole(session, execution_id)


@router.post("/executions/{execution_id}/stop", openapi_extra=takes(Right.RUN), responses=STOP_RESPONSES)
async def stop_execution(
    execution_id: ExecutionId,
    database: DatabaseDep,
    clock: ClockDep,
    user: UserDep,
    response: Response,
    wait: Wait = 15,
) -> Stopped:
    """Stop one execution, and say how every process of it was ended."""

    async def ask(session: WriteSession, now: datetime) -> Mapping[int, Status]:
        found = await executions.stop(session, execution_id, by=user.username, now=now)
        return {} if found is None else {execution_id: found}

    seen = await stopping.stop(database, clock, ask, wait=wait)
    response.status_code = 202 if seen.unfinished else 200
    async with database.read() as session:
        row = await executions.get(session, execution_id)
    return Stopped.of(row.task_id, seen)


@router.get("/tasks/{task_id}/executions")
async def list_task_executions(
    task_id: TaskId,
    session: ReadDep,
    status: Status | None = None,
    trigger: Search = "",
    since: Time | None = None,
    until: Time | None = None,
    page: PageNumber = 1,
    page_size: PageSize = 50,
    before: Before = None,
) -> ExecutionPage:
    """List the executions of a task, the newest first; times bound the instant they were scheduled for."""
    await tasks.get(session, task_id)
    query = ExecutionQuery(task_id, status, trigger, since, until, "", page, page_size, before)
    return await _page(session, query)


@router.get("/tasks/{task_id}/executions/{execution_id}")
async def get_task_execution(task_id: TaskId, execution_id: ExecutionId, session: ReadDep) -> ExecutionOut:
    """One execution of a task."""
    return await _whole(session, execution_id, task_id=task_id)


async def _whole(session: ReadSession, execution_id: int, *, task_id: int | None = None) -> ExecutionOut:
    row = await executions.get(session, execution_id, task_id=task_id)
    stdout, stderr = await executions.text_of(session, row)
    attempts = [AttemptOut.of(each) for each in await queries.attempts(session, execution_id, with_output=True)]
    proof = attempts[-1].proof if attempts and attempts[-1].attempt == row.token else None
    report = await queries.report(session, execution_id)
    shown = {"stdout": stdout, "stderr": stderr, "report": report, "proof": proof, "attempts": attempts}
    return ExecutionOut.model_validate(ExecutionOut.values(row) | shown)
