"""Pages about executions: the list, one with its output, the download, stop."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.access import takes
from api.charts import WIDE
from api.deps import ClockDep, DatabaseDep, LiveDep, ReadDep
from api.downloads import attachment
from api.formats import Locale
from api.pages import execution_views as views
from api.pages import file_views, task_views
from api.pages.confirm import Question, ask
from api.pages.deps import STOP_WAIT, ExecutionId, LocaleDep, PageUser, PageWriter
from api.pages.ending_view import stopped
from api.pages.log_stream import Follower
from api.pages.output import STREAMS, LogQuery, LogView, level_of, log_view
from api.pages.parts import Rights
from api.pages.since_view import Usual
from api.rendering import done, locale_of, render
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain.permissions import Right
from common.domain.states import ACTIVE, Status
from common.queries import artifacts, trend
from common.queries import executions as queries
from common.queries.executions import ExecutionQuery
from common.services import executions, output, stopping, tasks
from common.services.since import last_good

router = APIRouter(prefix="/ui/executions", include_in_schema=False)
_STATES = {each.value: each for each in Status}
_PARTS = ("head_part", "facts_part", "report_part", "files_part", "history_part", "ending_part", "since_part")


def execution_query(status: str = "", task: str = "", page: str = "1") -> ExecutionQuery:
    """The list that a URL asks for; what it asks wrongly counts as not asked."""
    return ExecutionQuery(task_id=_number(task), status=_STATES.get(status), page=_number(page) or 1)


def log_query(
    execution_id: ExecutionId,
    stream: str = "both",
    attempt: str = "",
    start: Annotated[str, Query(alias="from")] = "",
    line: str = "",
    find: Annotated[str, Query(max_length=200)] = "",
    level: str = "",
    since: str = "",
    until: str = "",
) -> LogQuery:
    """The part of the output that a URL asks for; what it asks wrongly counts as not asked."""
    return LogQuery(
        f"/ui/executions/{execution_id}",
        stream=stream if stream in STREAMS else "both",
        attempt=_number(attempt),
        start=_number(start),
        line=_number(line),
        find=find,
        level=level_of(level),
        since=_seconds(since),
        until=_seconds(until),
    )


def _seconds(text: str) -> float | None:
    """Seconds since the start as somebody types them: 90, 1.5, 2:30."""
    if not re.fullmatch(r"\d{1,7}(\.\d{1,3})?|\d{1,5}:[0-5]?\d", text.strip()):
        return None
    minutes, colon, seconds = text.strip().partition(":")
    return int(minutes) * 60 + float(seconds) if colon else float(minutes)


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
    view = views.list_view(query, await queries.page(session, query), name, locale)
    return render(request, "executions/list.html", block=("chips", "list"), view=view)


@router.get("/{execution_id}")
async def show_execution(
    request: Request,
    execution_id: ExecutionId,
    session: ReadDep,
    locale: LocaleDep,
    query: LogDep,
    seen: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One execution: the verdict, the facts, the output, what happened when.

    A page that asks again says which log it has `seen`: while that goes on, it is told of new lines by a stream.
    """
    row = await executions.get(session, execution_id)
    task = await tasks.view(session, row.task_id)
    here = locale.in_zone(task.schedules[0].timezone) if task.schedules else locale
    attempts = await queries.attempts(session, execution_id)
    recent = await trend.newest(session, row.task_id, limit=WIDE.slots)
    ended = attempts[-1].status if row.status == Status.QUEUED and attempts else row.status
    detail = views.execution_detail(
        row,
        attempts,
        await _log(session, row, attempts, query, here),
        here,
        Rights.on(task.right),
        neighbours=await queries.neighbours(session, task_id=row.task_id, execution_id=execution_id),
        bars=task_views.bars(recent, row.task_name, here, WIDE),
        bars_range=task_views.bars_range(recent, here),
        task=task.task,
        usual=Usual.of(recent),
        since=await last_good(session, row, task.task, status=ended),
        report=await queries.report(session, execution_id),
        files=file_views.of_execution(
            await artifacts.of_execution(session, execution_id, now=locale.now), task.right, here
        ),
    )
    parts = _PARTS if seen == detail.mark else (*_PARTS, "log_part")
    return render(request, "executions/detail.html", block=parts, view=detail)


async def _log(session: ReadSession, row: Record, attempts: list[Record], query: LogQuery, locale: Locale) -> LogView:
    """The output of the attempt asked for, by default the newest."""
    numbers = sorted({each.token for each in attempts} | ({row.token} if row.token else set()))
    there = await output.of_attempt(session, row, query.attempt)
    size, running = row.stdout_bytes + row.stderr_bytes, row.status == Status.RUNNING
    active = row.status in ACTIVE
    return await log_view(session, there, query, locale, size=size, attempts=numbers, active=active, running=running)


@router.get("/{execution_id}/log")
async def show_log(
    request: Request, execution_id: ExecutionId, session: ReadDep, locale: LocaleDep, query: LogDep
) -> Response:
    """The output alone: another part of it, or seen another way."""
    row = await executions.get(session, execution_id)
    attempts = await queries.attempts(session, execution_id)
    log = await _log(session, row, attempts, query, locale)
    return render(request, "executions/log.html", block="log_part", log=log, execution=row, within=True)


@router.get("/{execution_id}/log/stream")
async def follow_log(
    request: Request,
    execution_id: ExecutionId,
    user: PageUser,
    database: DatabaseDep,
    clock: ClockDep,
    live: LiveDep,
    query: LogDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """New lines while it runs; a browser that connects again goes on where it was."""
    async with database.read() as session:
        row = await executions.get(session, execution_id)
    if live.is_full(user.user_id):
        return Response(status_code=204)  # the browser does not ask again; the page goes on by asking itself
    last = request.headers.get("last-event-id", "")
    known = int(last) if last.isdecimal() and len(last) < 16 else after
    token = query.attempt or row.token
    return Follower(
        database, clock, live, user.user_id, execution_id, token, query, known, locale_of(request)
    ).response()


@router.get("/{execution_id}/download")
async def download(
    execution_id: ExecutionId, user: PageUser, session: ReadDep, database: DatabaseDep, query: LogDep
) -> Response:
    """The output as a file, byte by byte, however long it is."""
    row = await executions.get(session, execution_id)
    chunks = output.raw(database, row, query.attempt or row.token, query.stream)
    return attachment(chunks, f"{row.task_name}-{row.id}-{query.stream}.log")


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
