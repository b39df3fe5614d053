"""What the pages about executions show, made of what queries return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from api.formats import Locale
from api.pages import words
from api.pages.ending_view import EndingView, ending_view
from api.pages.file_views import FileRow
from api.pages.output import LogView
from api.pages.parts import Address, FilterChip, Link, Pager, Picker, Rights, pager
from api.pages.report_view import ReportView, report_view
from api.pages.since_view import SinceView, Usual, remark, since_view
from common.db.models import Task
from common.db.types import Record
from common.domain.states import ACTIVE, Status
from common.queries.executions import ExecutionQuery, Found
from common.services.since import Since

_LATE = timedelta(milliseconds=50)


@dataclass(frozen=True)
class ExecutionRow:
    """One row of a list of executions."""

    id: int
    url: str
    task_name: str
    task_url: str
    outcome: str
    word: str
    trigger: str
    started: str | Markup
    duration: str
    exit_code: str
    worker: str
    warnings: str = ""


@dataclass(frozen=True)
class ExecutionListView:
    """The list of executions, of all tasks or of one."""

    task: Link | None
    chips: list[FilterChip]
    pickers: list[Picker]
    rows: list[ExecutionRow]
    pager: Pager
    filtered: bool
    empty_title: str
    empty_hint: str


@dataclass(frozen=True)
class Fact:
    """A labelled value, and in grey what puts it in proportion."""

    label: str
    value: str | Markup
    aside: str = ""


@dataclass(frozen=True)
class Step:
    """One entry of the state history."""

    outcome: str
    text: str
    when: str
    future: bool = False


@dataclass(frozen=True)
class ExecutionDetail:
    """An execution's own page."""

    id: int
    url: str
    task_name: str
    task_url: str
    outcome: str
    active: bool
    verdict: str
    remark: str
    previous_url: str | None
    next_url: str | None
    stop_url: str | None
    stop_label: str
    may_edit: bool
    may_run: bool
    facts: list[Fact]
    history: list[Step]
    history_day: str
    ending: EndingView | None
    since: SinceView | None
    log: LogView
    bars: Markup
    bars_range: str
    command: str
    report: ReportView | None
    files: Sequence[FileRow]
    #: Where its parts are asked for again while it goes on. The mark in it says which log the page has.
    live_url: str
    mark: str


def execution_row(row: Record, locale: Locale) -> ExecutionRow:
    ran = ran_of(row)
    seconds = ran.seconds(locale.now)
    return ExecutionRow(
        id=row.id,
        url=f"/ui/executions/{row.id}",
        task_name=row.task_name,
        task_url=f"/ui/tasks/{row.task_id}",
        outcome=row.status,
        word=words.state(row.status, locale),
        trigger=words.trigger(row.trigger, row.triggered_by, locale),
        started=locale.time_tag(row.started_at, locale.stamp(row.started_at)) if row.started_at else "–",
        duration=locale.duration(seconds) if seconds is not None else "",
        exit_code="" if row.exit_code is None else str(row.exit_code),
        worker=row.worker_name or "",
        warnings=locale.ngettext("%(n)s warning", "%(n)s warnings", row.warnings) if row.warnings else "",
    )


def ran_of(row: Record) -> words.Ran:
    return words.Ran(
        status=row.status,
        started_at=row.started_at,
        finished_at=row.finished_at,
        exit_code=row.exit_code,
        signal=row.signal,
        error=row.error,
        worker=row.worker_name or "",
        by=row.cancelled_by,
        reason=row.reason,
    )


def attempt_of(row: Record) -> words.Ran:
    return words.Ran(
        status=row.status,
        started_at=row.started_at,
        finished_at=row.finished_at,
        exit_code=row.exit_code,
        signal=row.signal,
        error=row.error,
        worker=row.worker_name or row.worker_id or "",
    )


# ---- the list ----

_SHOWN = (
    Status.RUNNING,
    Status.QUEUED,
    Status.SUCCESS,
    Status.FAILED,
    Status.TIMED_OUT,
    Status.LOST,
    Status.SKIPPED,
    Status.MISSED,
    Status.CANCELLED,
)


def list_view(
    query: ExecutionQuery,
    found: Found,
    task_name: str | None,
    locale: Locale,
    *,
    path: str = "/ui/executions",
) -> ExecutionListView:
    """The list at `path`; one below a task shows that task's, whatever else is chosen."""
    _ = locale.gettext
    within = path != "/ui/executions"
    values: Mapping[str, str] = {
        "task": "" if within else str(query.task_id or ""),
        "status": query.status or "",
        "page": str(query.page),
    }
    address = Address(path, values)
    chips = [FilterChip(_("All"), address.url(status=None), query.status is None)]
    chips += [
        FilterChip(words.state(each, locale), address.url(status=each), query.status == each, outcome=each)
        for each in _SHOWN
    ]
    filtered = bool(query.status or (query.task_id and not within))
    return ExecutionListView(
        task=Link(task_name, f"/ui/tasks/{query.task_id}") if task_name is not None else None,
        chips=chips,
        pickers=[],
        rows=[execution_row(row, locale) for row in found.rows],
        pager=pager(
            address,
            locale,
            page=query.page,
            size=query.page_size,
            shown=len(found.rows),
            total=found.total,
            least=found.least,
        ),
        filtered=filtered,
        empty_title=_("No execution like this") if filtered else _("Nothing has run yet"),
        empty_hint=_("Another state, or all of them, may have some.")
        if filtered
        else _("Executions appear here as soon as a task runs, by schedule or by hand."),
    )


# ---- one execution ----


def execution_detail(
    row: Record,
    attempts: Sequence[Record],
    log: LogView,
    locale: Locale,
    rights: Rights,
    *,
    neighbours: tuple[int | None, int | None],
    bars: Markup,
    bars_range: str,
    task: Task,
    usual: Usual,
    since: Since | None = None,
    report: Mapping[str, Any] | None = None,
    files: Sequence[FileRow] = (),
) -> ExecutionDetail:
    active = row.status in ACTIVE
    before, after = neighbours
    retrying = row.status == Status.QUEUED and bool(attempts)
    return ExecutionDetail(
        id=row.id,
        url=f"/ui/executions/{row.id}",
        task_name=row.task_name,
        task_url=f"/ui/tasks/{row.task_id}",
        outcome=attempts[-1].status if retrying else row.status,
        active=active,
        verdict=_verdict(row, attempts, locale),
        remark=remark(since, locale) if since else "",
        previous_url=f"/ui/executions/{before}" if before else None,
        next_url=f"/ui/executions/{after}" if after else None,
        stop_url=f"/ui/executions/{row.id}/stop" if active and rights.run else None,
        stop_label=locale.gettext("Stop retrying") if retrying else locale.gettext("Stop"),
        may_edit=rights.edit,
        may_run=rights.run and row.status != Status.RUNNING,
        facts=_facts(row, attempts, task, usual, locale),
        history=_history(row, attempts, locale),
        history_day=f"{locale.date(row.created_at)}{locale.comma}{locale.zone.key}",
        ending=ending_view(attempts, locale),
        since=since_view(since, task, row, locale) if since else None,
        log=log,
        bars=bars,
        bars_range=bars_range,
        files=files,
        report=report_view(report, status=row.status, started_at=row.started_at, locale=locale),
        command=task.command,
        live_url=log.query.url(seen=mark_of(row)),
        mark=mark_of(row),
    )


def mark_of(row: Record) -> str:
    """What the log on the page belongs to."""
    return f"{row.status}.{row.token}"


def _verdict(row: Record, attempts: Sequence[Record], locale: Locale) -> str:
    tries = row.retries + 1
    if row.status == Status.QUEUED and attempts:
        last = attempts[-1]
        return words.verdict(attempt_of(last), locale, attempt=last.token, attempts=tries, next_try=row.available_at)
    if row.status == Status.RUNNING and row.cancel_requested_at is not None:
        return locale.gettext("Being stopped by %(name)s.", name=row.cancelled_by or "Rota")
    said = words.verdict(ran_of(row), locale, attempt=max(row.token, 1), attempts=tries)
    unsaid = row.exit_code is None and not row.signal
    if row.status in (Status.FAILED, Status.LOST) and row.error and (unsaid or "limit of" in row.error):
        return f"{said}{locale.gap}{row.error}"
    return said


def _facts(row: Record, attempts: Sequence[Record], task: Task, usual: Usual, locale: Locale) -> list[Fact]:
    _ = locale.gettext
    limits: Mapping[str, int] = task.spec.get("limits") or {}
    worker = (
        row.worker_name or row.worker_id or (attempts[-1].worker_name or attempts[-1].worker_id if attempts else "")
    )
    return [
        Fact(_("Trigger"), words.trigger(row.trigger, row.triggered_by, locale)),
        Fact(_("Scheduled"), _moment(row.scheduled_for, locale)),
        Fact(
            _("Started"),
            _moment(row.started_at if row.token else None, locale, after=row.scheduled_for),
            _lateness(row, locale),
        ),
        Fact(_("Ended"), _moment(row.finished_at, locale, after=row.scheduled_for), _signal(row, locale)),
        Fact(_("Worker"), worker or _NONE, _("pid %(n)s", n=row.pid) if row.pid and worker else ""),
        Fact(
            _("CPU time"),
            _NONE if row.cpu_seconds is None else locale.duration(row.cpu_seconds),
            _("of %(most)s", most=locale.countdown(limits["cpu"])) if "cpu" in limits else "",
        ),
        Fact(
            _("Peak memory"),
            _NONE if row.peak_memory is None else locale.size(row.peak_memory),
            _memory_aside(limits, usual, locale),
        ),
        Fact(_("Definition"), _version(row, task), _version_aside(row, task, locale)),
    ]


_NONE = "–"


def _memory_aside(limits: Mapping[str, int], usual: Usual, locale: Locale) -> str:
    if "memory" in limits:
        return locale.gettext("of %(most)s", most=locale.size(limits["memory"]))
    return locale.gettext("usual %(n)s", n=locale.size(usual.memory)) if usual.memory else ""


def _version(row: Record, task: Task) -> str | Markup:
    if row.version is None:
        return _NONE
    url = f"/ui/tasks/{task.id}/definition?version={row.version}"
    return Markup('<a href="{}">v{}</a>').format(url, row.version)


def _version_aside(row: Record, task: Task, locale: Locale) -> str:
    if row.version is None or row.version == task.version:
        return ""
    return locale.gettext("now v%(n)s", n=task.version)


def _moment(instant: datetime | None, locale: Locale, *, after: datetime | None = None) -> str | Markup:
    """Date and clock; the clock alone on the day of what it comes `after`, which says the day."""
    if instant is None:
        return "–"
    same = after is not None and locale.local(instant).date() == locale.local(after).date()
    return locale.time_tag(instant, (locale.clock if same else locale.stamp)(instant, millis=True))


def _lateness(row: Record, locale: Locale) -> str:
    """How long after it was due; only the first attempt of a scheduled run can be late."""
    if row.started_at is None or row.token > 1 or row.trigger == "manual" or row.started_at - row.scheduled_for < _LATE:
        return ""
    late = (row.started_at - row.scheduled_for).total_seconds()
    return locale.gettext("%(time)s late", time=locale.duration(late))


def _signal(row: Record, locale: Locale) -> str:
    return locale.gettext("signal %(signal)s", signal=words.signal_name(row.signal)) if row.signal else ""


def _history(row: Record, attempts: Sequence[Record], locale: Locale) -> list[Step]:
    """What happened to it, oldest first, with milliseconds."""
    _ = locale.gettext
    steps = [Step("dot", _("Due and queued"), locale.clock(row.created_at, millis=True))]
    ended = {each.token for each in attempts}
    for each in attempts:
        steps += _attempt_steps(attempt_of(each), each.token, locale)
    if row.started_at is not None and row.token not in ended and row.status != Status.QUEUED:
        steps += _attempt_steps(ran_of(row), row.token, locale)
    if row.started_at is None and row.finished_at is not None:
        steps.append(Step(row.status, words.state(row.status, locale), locale.clock(row.finished_at, millis=True)))
    if row.cancel_requested_at is not None:
        asked = Step(
            "dot", _("Stop asked for by %(name)s", name=row.cancelled_by or "Rota"),
            locale.clock(row.cancel_requested_at, millis=True),
        )  # fmt: skip
        steps.insert(len(steps) - 1 if row.finished_at else len(steps), asked)
    if row.status == Status.QUEUED:
        last = row.failures >= row.retries
        again = _("Attempt %(n)s, the last one", n=row.token + 1) if last else _("Attempt %(n)s", n=row.token + 1)
        text = again if attempts else _("Waits for a free worker")
        waits = row.available_at > locale.now
        steps.append(Step("waiting", text, locale.relative(row.available_at) if waits else "", future=True))
    return steps


def _attempt_steps(ran: words.Ran, number: int, locale: Locale) -> list[Step]:
    _ = locale.gettext
    steps = []
    if ran.started_at is not None:
        text = (
            _("Attempt %(n)s started on %(worker)s", n=number, worker=ran.worker)
            if ran.worker
            else _("Attempt %(n)s started", n=number)
        )
        steps.append(Step("dot", text, locale.clock(ran.started_at, millis=True)))
    if ran.finished_at is None:
        steps.append(Step("running", _("Running"), "", future=True))
        return steps
    result = words.outcome_short(ran, locale)
    seconds = ran.seconds(locale.now)
    text = (
        _("Attempt %(n)s: %(result)s after %(time)s", n=number, result=result, time=locale.duration(seconds))
        if seconds is not None
        else _("Attempt %(n)s: %(result)s", n=number, result=result)
    )
    steps.append(Step(ran.status, text, locale.clock(ran.finished_at, millis=True)))
    return steps
