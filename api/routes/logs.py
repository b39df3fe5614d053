"""What tasks printed: to read, to search, to download byte by byte."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from api.deps import ClockDep, DatabaseDep, LiveDep, ReadDep, UserDep
from api.downloads import attachment
from api.output_stream import Lines, place_of
from api.schemas.base import Answer, ExecutionId, Search, TaskId
from common.db.session import Database
from common.db.types import Record
from common.domain.logs import LogFilter, lines, select
from common.domain.states import Status
from common.errors import TooManyRequests
from common.i18n import N_
from common.services import executions, output, tasks

router = APIRouter(tags=["logs"])


class LogLine(Answer):
    """A line of output."""

    number: int
    stream: Literal["stdout", "stderr"]
    text: str


class Logs(Answer):
    """Output of one execution, as lines and as one text; `execution_id` is null when nothing has run yet."""

    task_id: int
    execution_id: int | None
    status: Status | None
    attempt: int | None
    lines: list[LogLine]
    text: str


_OptionalId = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The newest one when left out.")]


@router.get("/tasks/{task_id}/logs", response_model=Logs)
async def task_logs(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    execution_id: _OptionalId = None,
    stream: Literal["stdout", "stderr"] | None = None,
    search: Search = "",
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = None,
    tail: Annotated[int, Query(ge=1, le=100_000, description="Last lines to show.")] = 1000,
) -> Logs | Response:
    """Output of the newest execution that has begun, or of one by id; as plain text with `Accept: text/plain`."""
    row = await executions.of_task(session, task_id, execution_id)
    stdout, stderr = await executions.text_of(session, row) if row else ("", "")
    shown = select(lines(stdout, stderr), LogFilter(stream or "", search, level or "", tail))
    text = "".join(f"{line.text}\n" for line in shown)
    if request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(text)
    return Logs(
        task_id=task_id,
        execution_id=row.id if row else None,
        status=row.status if row else None,
        attempt=row.token if row else None,
        lines=[LogLine.model_validate(line) for line in shown],
        text=text,
    )


_Stream = Literal["stdout", "stderr"] | None


@router.get("/tasks/{task_id}/logs/download", response_class=Response)
async def download_logs(
    task_id: TaskId, session: ReadDep, database: DatabaseDep, execution_id: _OptionalId = None, stream: _Stream = None
) -> Response:
    """Download output of the newest execution, or of one by id; with `stream` byte by byte as it was written."""
    task = await tasks.get(session, task_id)
    row = await executions.of_task(session, task_id, execution_id)
    return _attached(database, row, stream) if row else attachment(b"", f"{task.name}.log")


@router.get("/executions/{execution_id}/output/download", response_class=Response)
async def download_output(
    execution_id: ExecutionId, session: ReadDep, database: DatabaseDep, stream: _Stream = None
) -> Response:
    """Download the output of an execution; with `stream` byte by byte as it was written."""
    return _attached(database, await executions.get(session, execution_id), stream)


def _attached(database: Database, row: Record, stream: _Stream) -> Response:
    chunks = output.raw(database, row, row.token, stream or "both")
    return attachment(chunks, f"{row.task_name}-{row.id}{'.' + stream if stream else ''}.log")


@router.get(
    "/executions/{execution_id}/output/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_output(
    execution_id: ExecutionId,
    user: UserDep,
    database: DatabaseDep,
    clock: ClockDep,
    live: LiveDep,
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> StreamingResponse:
    """Follow the newest attempt as server-sent events: `lines` while they come, `end` when it does not run any more.

    Every two minutes the connection ends without `end`: connect again with the id of the last event in `Last-Event-ID`.
    """
    async with database.read() as session:
        row = await executions.get(session, execution_id)
    if live.is_full(user.user_id):
        raise TooManyRequests(N_("You have too many streams open. Close one."), retry_after=10)
    sent = place_of(last_event_id, row.token)
    return Lines(database, clock, live, user.user_id, execution_id, row.token, sent).response()
