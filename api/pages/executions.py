"""Pages about executions: the list, one with its output, the download, stop."""

import codecs
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.access import takes
from api.charts import WIDE
from api.deps import ClockDep, DatabaseDep, ReadDep
from api.downloads import attachment
from api.formats import Locale
from api.pages import execution_views as views
from api.pages import task_views
from api.pages.confirm import Question, ask
from api.pages.deps import STOP_WAIT, ExecutionId, LocaleDep, PageUser, PageWriter
from api.pages.ending_view import stopped
from api.pages.output import STREAMS, LogQuery, LogView, Piece, RawLine, lines_of, lines_of_pieces, log_view
from api.pages.parts import Rights
from api.rendering import done, locale_of, render
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain.permissions import Right
from common.domain.states import ACTIVE, Status
from common.queries import executions as queries
from common.queries import tasks as task_queries
from common.queries.executions import ExecutionQuery
from common.services import executions, stopping, tasks

router = APIRouter(prefix="/ui/executions", include_in_schema=False)
_STATES = {each.value: each for each in Status}
_PARTS = ("head_part", "facts_part", "report_part", "log_part", "history_part", "ending_part")


def execution_query(status: str = "", task: str = "", page: str = "1") -> ExecutionQuery:
    """The list that a URL asks for; what it asks wrongly counts as not asked."""
    return ExecutionQuery(task_id=_number(task), status=_STATES.get(status), page=_number(page) or 1)


def log_query(
    execution_id: ExecutionId,
    stream: str = "both",
    attempt: str = "",
    start: Annotated[str, Query(alias="from")] = "",
    find: Annotated[str, Query(max_length=200)] = "",
) -> LogQuery:
    """The part of the output that a URL asks for."""
    chosen = stream if stream in STREAMS else "both"
    return LogQuery(f"/ui/executions/{execution_id}", chosen, _number(attempt), _number(start), find)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < len(text) < 10 and int(text) else None


LogDep = Annotated[LogQuery, Depends(log_query)]


@router.get("")
async def list_executions(
    request: Request,
    session: ReadDep,
    locale: LocaleDep,
    query: Annotated[ExecutionQuery, Depends(execution_query)],
) -> Response:
    """Executions of all tasks, or of one, the newest first."""
    name = (await tasks.get(session, query.task_id)).name if query.task_id else None
    rows, total = await queries.page(session, query)
    view = views.list_view(query, rows, total, name, locale)
    return render(request, "executions/list.html", block=("chips", "list"), view=view)


@router.get("/{execution_id}")
async def show_execution(
    request: Request, execution_id: ExecutionId, session: ReadDep, locale: LocaleDep, query: LogDep
) -> Response:
    """One execution: the verdict, the facts, the output, what happened when."""
    row = await executions.get(session, execution_id)
    task = await tasks.view(session, row.task_id)
    here = locale.in_zone(task.schedules[0].timezone) if task.schedules else locale
    attempts = await queries.attempts(session, execution_id, with_output=query.attempt is not None)
    recent = (await task_queries.recent(session, [row.task_id], limit=WIDE.slots))[row.task_id]
    detail = views.execution_detail(
        row,
        attempts,
        await _log(session, row, attempts, query, here),
        here,
        Rights.on(task.right),
        neighbours=await queries.neighbours(session, task_id=row.task_id, execution_id=execution_id),
        bars=task_views.bars(recent, row.task_name, here, WIDE),
        bars_range=task_views.bars_range(recent, here),
        command=task.task.command,
        limits=task.task.spec.get("limits"),
        report=await queries.report(session, execution_id),
    )
    return render(request, "executions/detail.html", block=_PARTS, view=detail)


async def _log(session: ReadSession, row: Record, attempts: list[Record], query: LogQuery, locale: Locale) -> LogView:
    """The output of the attempt asked for, by default the newest."""
    numbers = sorted({each.token for each in attempts} | ({row.token} if row.token else set()))
    raw, size = await _lines(session, row, attempts, query)
    return log_view(raw, query, locale, size=size, attempts=numbers, active=row.status in ACTIVE)


async def _lines(
    session: ReadSession, row: Record, attempts: list[Record], query: LogQuery
) -> tuple[list[RawLine], int]:
    token = query.attempt or row.token
    earlier = next((each for each in attempts if each.token == token != row.token), None)
    if earlier is not None and earlier.stdout is not None:
        texts = (earlier.stdout or "", earlier.stderr or "")
        return lines_of(*texts), sum(len(text.encode()) for text in texts)
    pieces = await queries.pieces(session, row.id, token)
    if pieces:
        return lines_of_pieces(_decoded(pieces)), sum(len(piece.data) for piece in pieces)
    stdout, stderr = await queries.output(session, row.id)
    return lines_of(stdout or "", stderr or ""), row.stdout_bytes + row.stderr_bytes


def _decoded(pieces: list[Record]) -> list[Piece]:
    """Bytes as text; a character may be cut between two pieces."""
    decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in ("o", "e")}
    return [Piece(piece.stream == "e", piece.at, decoders[piece.stream].decode(piece.data)) for piece in pieces]


@router.get("/{execution_id}/download")
async def download(execution_id: ExecutionId, user: PageUser, session: ReadDep, query: LogDep) -> Response:
    """The output as a file, byte by byte."""
    row = await executions.get(session, execution_id)
    attempts = await queries.attempts(session, execution_id, with_output=True)
    streams = {"stdout": ("o",), "stderr": ("e",), "both": ("o", "e")}[query.stream]
    earlier = next((each for each in attempts if each.token == query.attempt != row.token), None)
    if earlier is not None:
        data = "".join((earlier.stdout if stream == "o" else earlier.stderr) or "" for stream in streams).encode()
    else:
        data = b"".join([await executions.bytes_of(session, row, stream) for stream in streams])
    return attachment(data, f"{row.task_name}-{row.id}-{query.stream}.log")


@router.post("/{execution_id}/stop", openapi_extra=takes(Right.RUN))
async def stop(
    request: Request,
    execution_id: ExecutionId,
    user: PageWriter,
    database: DatabaseDep,
    clock: ClockDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Stop one execution; if it ends within a moment the answer says how."""
    async with database.read() as session:
        row = await executions.get(session, execution_id, Right.RUN)
        locale = locale_of(request, await clock.now(session))
    _, url = locale.gettext, f"/ui/executions/{execution_id}"
    if not confirmed:
        question = _("Stop %(name)s?", name=row.task_name)
        told = _("All processes it has started are ended. What it has written is kept.")
        return ask(request, Question(question, told, f"{url}/stop", _("Stop it"), _("Let it run"), url, danger=True))

    async def asked(session: WriteSession, now: datetime) -> Mapping[int, Status]:
        found = await executions.stop(session, execution_id, by=user.username, now=now)
        return {} if found is None else {execution_id: found}

    seen = await stopping.stop(database, clock, asked, wait=STOP_WAIT)
    nothing = not (seen.endings or seen.cancelled)
    return done(request, _("It had ended already.") if nothing else stopped(row.task_name, seen.endings, locale), url)
