"""The fire ledger: what became of every instant at which a task should have run, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.db.models import Schedule, Task
from common.db.session import ReadSession
from common.db.types import Record
from common.domain import triggers
from common.domain.misfire import ON_TIME
from common.domain.reasons import Reason, of_row
from common.domain.states import Status
from common.errors import Invalid
from common.queries import calendars
from common.queries import ledger as queries
from common.queries.ledger import LedgerQuery
from common.services import facts, schedules, status, tasks


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of an instant, or of several between `first` and `last`. `execution_id` is None where no row is."""

    first: datetime
    last: datetime
    count: int
    outcome: str
    reasons: Sequence[Reason]
    execution_id: int | None = None
    status: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lateness: float | None = None
    exit_code: int | None = None
    task_id: int = 0
    task_name: str = ""

    @property
    def code(self) -> str:
        """The reason that says most: why it did not run, or how it ended."""
        return self.reasons[-1].code


@dataclass(frozen=True, slots=True)
class Ledger:
    """A page of the ledger; `timezone` is the one its sentences are in."""

    entries: list[Entry]
    total: int
    timezone: str


def entry(row: Record, served: frozenset[str]) -> Entry:
    """The entry of an execution; `served` are the queues that workers serve now."""
    started = row.started_at if row.token else None
    lateness = max(0.0, (started - row.scheduled_for).total_seconds()) if started else None
    return Entry(
        first=row.scheduled_for,
        last=row.scheduled_until or row.scheduled_for,
        count=row.instants,
        outcome=queries.OUTCOME_OF[Status(row.status)],
        reasons=list(_reasons(row, started, lateness, served)),
        execution_id=row.id,
        status=row.status,
        started_at=started,
        finished_at=row.finished_at,
        lateness=lateness,
        exit_code=row.exit_code,
        task_id=row.task_id,
        task_name=getattr(row, "task_name", ""),
    )


def _reasons(row: Record, started: datetime | None, lateness: float | None, served: frozenset[str]) -> Sequence[Reason]:
    how: list[Reason] = []
    if started is not None and lateness is not None:
        late = lateness > ON_TIME.total_seconds()
        how = [
            Reason("late", {"lateness": lateness, "started": started})
            if late
            else Reason("on_time", {"started": started})
        ]
    match Status(row.status):
        case Status.SKIPPED | Status.MISSED:
            return [Reason(of_row(row.status, row.reason))]
        case Status.FAILED:
            return [*how, Reason("failed", {"problem": _problem(row)})]
        case Status.CANCELLED:
            by = row.cancelled_by
            return [*how, Reason("cancelled_by", {"by": by}) if by else Reason("cancelled")]
        case Status.QUEUED:
            return [*how, _queued(row, served)]
        case other:
            return [*how, Reason(str(other))]


def _problem(row: Record) -> str:
    if row.error:
        return str(row.error).splitlines()[0][:200].rstrip(".。")
    return f"signal {row.signal}" if row.signal else f"exit code {row.exit_code}"


def _queued(row: Record, served: frozenset[str]) -> Reason:
    if row.queue not in served:
        return Reason("no_worker", {"queue": row.queue})
    return Reason("retrying", {"available": row.available_at}) if row.token else Reason("queued")


async def served_queues(session: ReadSession, *, now: datetime) -> frozenset[str]:
    """The queues that workers which give signs of life serve."""
    found = await status.processes(session, now=now)
    return frozenset(queue for worker in found.alive(found.workers) for queue in worker.queues)


async def page(session: ReadSession, query: LedgerQuery, *, number: int, size: int, now: datetime) -> Ledger:
    """One page of a task's ledger, the newest instant first; raises NotFound."""
    task = await tasks.get(session, query.task_id)
    rows = (await schedules.of_tasks(session, [query.task_id]))[query.task_id]
    open_ends = [each for each in await _unwritten(session, task, rows, now=now) if _asked_for(each, query)]
    start = (number - 1) * size
    shown = open_ends[start : start + size]
    served = await served_queues(session, now=now)
    found = (
        await queries.rows(session, query, limit=size - len(shown), offset=max(0, start - len(open_ends)))
        if len(shown) < size
        else []
    )
    total = await queries.total(session, query) + len(open_ends)
    entries = [*shown, *(entry(row, served) for row in found)]
    return Ledger(entries, total, rows[0].timezone if rows else "UTC")


async def _unwritten(session: ReadSession, task: Task, rows: Sequence[Schedule], *, now: datetime) -> list[Entry]:
    """What no row says yet: the instants of a pause that goes on, and those due that no scheduler has seen."""
    found = []
    if not task.enabled and (span := await schedules.paused_span(session, rows, now=now)):
        found.append(Entry(span.first, span.last, span.count, "skipped", [Reason("paused")]))
    days = await calendars.known(session, rows)
    due = [(row.next_run_at, schedules.instants_of(schedules.observed_of(row, days))) for row in rows]
    if task.enabled and (span := schedules.span_of(due, now=now - ON_TIME)):
        found.append(Entry(span.first, span.last, span.count, "pending", [Reason("not_fired")]))
    return found


def _asked_for(each: Entry, query: LedgerQuery) -> bool:
    return (
        (query.since is None or each.last >= query.since)
        and (query.until is None or each.first <= query.until)
        and query.outcome in ("", each.outcome)
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """Why a task did or does (not) run: sentences with codes and facts; `at` is the instant asked about."""

    reasons: Sequence[Reason]
    at: datetime | None
    timezone: str
    entry: Entry | None = None
    next: list[triggers.PreviewInstant] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The first reason is the one that holds it up."""
        return self.entry.code if self.entry else self.reasons[0].code


async def why(session: ReadSession, task_id: int, *, at: datetime | None, now: datetime) -> Answer:
    """Why the task ran or did not run at `at`; without it, why it does not run now. Raises NotFound."""
    view = await tasks.view(session, task_id)
    timezone = view.schedules[0].timezone if view.schedules else "UTC"
    if at is None:
        return Answer(await _now(session, view, now=now), None, timezone)
    row = await queries.at(session, task_id, at)
    if row is not None:
        found = entry(row, await served_queues(session, now=now))
        return Answer(found.reasons, at, timezone, found)
    for open_end in await _unwritten(session, view.task, view.schedules, now=now):
        if open_end.first <= at <= open_end.last and _fires_at(view, at):
            return Answer(open_end.reasons, at, timezone, open_end)
    return Answer([_no_row(view, at, now=now)], at, timezone)


def _fires_at(view: tasks.TaskView, at: datetime) -> bool:
    return any(_is_instant(schedules.observed_of(row, view.days), at) for row in view.schedules)


def _is_instant(schedule: triggers.Trigger | triggers.Observed, at: datetime) -> bool:
    return schedules.instants_of(schedule).next_after(at - timedelta(microseconds=1)) == at


def _no_row(view: tasks.TaskView, at: datetime, *, now: datetime) -> Reason:
    """Why there is no row for an instant: it is to come, none of the schedule's, or of another time."""
    if not view.schedules:
        return Reason("manual_only")
    if at < view.task.created_at:
        return Reason("before_creation", {"created": view.task.created_at})
    for row in view.schedules:
        runs = schedules.observed_of(row, view.days)
        if _is_instant(runs, at):
            if at <= now:
                return Reason("no_record")
            if isinstance(runs, triggers.Observed) and not runs.runs(at):
                en, zh = runs.days.why(runs.day_of(at))
                return Reason("to_be_left_out", {"why": en, "why_zh": zh})
            return Reason("to_come", {"at": at})
    every = [schedules.instants_of(schedules.observed_of(row, view.days)) for row in view.schedules]
    after = min((found for each in every if (found := each.next_after(at))), default=None)
    before = max((found for each in every if (found := _last_before(each, at))), default=None)
    return Reason("not_scheduled", {"at": at, "before": before, "after": after})


def _last_before(schedule: triggers.Trigger | triggers.Observed, at: datetime) -> datetime | None:
    """The newest instant before `at`, looked for further and further back, up to a year."""
    for days in (0.01, 1, 40, 366):
        if found := schedule.newest(at - timedelta(days=days), at, 1):
            return found[0]
    return None


async def _now(session: ReadSession, view: tasks.TaskView, *, now: datetime) -> Sequence[Reason]:
    assert view.task.id is not None
    active = await queries.active(session, view.task.id)
    running = [row for row in active if row.status == Status.RUNNING]
    if running:
        return [Reason("running_now", {"since": running[0].started_at, "execution": running[0].id})]
    queued = [row for row in active if row.status == Status.QUEUED]
    if queued:
        return await _why_queued(session, queued[0], now=now)
    if active:
        return [Reason("waiting")]
    task = view.task
    if not task.enabled:
        if task.paused_by:
            return [Reason("paused_now_by", {"by": task.paused_by, "since": task.paused_at})]
        return [Reason("paused_now", {"since": task.paused_at or task.updated_at})]
    if not view.schedules:
        return [Reason("manual_only")]
    ahead = _ahead(view, now=now)
    silent = await facts.silence(session, now=now)
    return [ahead] if silent is None or ahead.code == "over" else [silent, ahead]


async def _why_queued(session: ReadSession, row: Record, *, now: datetime) -> Sequence[Reason]:
    workers = (await status.processes(session, now=now)).serving(row.queue)
    facts = {"execution": row.id, "queue": row.queue}
    if row.available_at > now:
        code = "retrying" if row.token else "jitter"
        return [Reason(code, facts | {"available": row.available_at})]
    if not workers:
        return [Reason("no_worker", facts)]
    slots = sum(worker.slots for worker in workers)
    busy = sum(min(worker.running, worker.slots) for worker in workers)
    before = await queries.queued_before(session, row, now=now)
    return [
        Reason("waiting_for_slot", facts | {"before": before, "busy": busy, "slots": slots, "workers": len(workers)})
    ]


def _ahead(view: tasks.TaskView, *, now: datetime) -> Reason:
    """What is to come, and what of it the calendar leaves out."""
    coming = schedules.coming(view.schedules, after=now, count=1, days=view.days)
    if not coming:
        return Reason("over")
    at = coming[0].utc
    for row in view.schedules:
        runs = schedules.observed_of(row, view.days)
        if isinstance(runs, triggers.Observed) and runs.rule != "shift_next":
            left_out = runs.trigger.next_after(now)
            if left_out is not None and left_out < at and not runs.runs(left_out):
                en, zh = runs.days.why(runs.day_of(left_out))
                return Reason("next_after_left_out", {"at": at, "left_out": left_out, "why": en, "why_zh": zh})
    return Reason("next", {"at": at})


def check_outcome(outcome: str) -> str:
    """The outcome to filter by; raises Invalid."""
    if outcome and outcome not in queries.OUTCOMES:
        raise Invalid("An outcome is one of {names}.", field="outcome", names=", ".join(queries.OUTCOMES))
    return outcome
