"""Schedules of a task: from what people wrote to rows, and back to triggers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select

from common.db.models import Schedule, Task
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain import apscheduler, triggers
from common.domain.calendars import check
from common.domain.invalid import N_
from common.domain.public_days import built_in
from common.domain.states import Status
from common.errors import Invalid
from common.queries import calendars
from common.queries.ledger import colliding
from common.queue import enqueue
from common.services.inputs import ScheduleInput, TaskInput

#: Instants of a pause that are compared one by one.
_COUNTED = 1000


def wanted(data: TaskInput) -> list[tuple[str, ScheduleInput]]:
    """The schedules that `data` asks for, each with the field people know it by. Raises Invalid."""
    if data.schedules is not None:
        return [(f"schedules.{number}.expr", item) for number, item in enumerate(data.schedules)]
    if data.cron is None or data.cron == "":
        return []
    if isinstance(data.cron, str):
        return [("cron", ScheduleInput(expr=data.cron.strip()[:255] or " "))]
    try:
        return [("cron", ScheduleInput.model_validate(apscheduler.translate(data.cron)))]
    except triggers.InvalidSchedule as error:
        raise Invalid(error.template, field=f"cron.{error.field}", **error.params) from None


def parse(item: ScheduleInput, *, field: str, zone: str, key: str, now: datetime) -> triggers.Trigger:
    """The trigger `item` describes; raises Invalid naming the field that is wrong."""
    try:
        return triggers.parse(
            item.kind,
            item.expr,
            timezone=item.timezone or zone,
            start_at=item.start_at,
            end_at=item.end_at,
            hash_key=key,
            jitter=item.jitter,
            now=now,
        )
    except triggers.InvalidSchedule as error:
        name = field if error.field in ("cron", "expr") else error.field
        raise Invalid(error.template, field=name, **error.params) from None


class Stored(Protocol):
    """What a trigger is made of."""

    @property
    def task_id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def expr(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def start_at(self) -> datetime | None: ...
    @property
    def end_at(self) -> datetime | None: ...
    @property
    def anchor(self) -> datetime | None: ...
    @property
    def jitter(self) -> int: ...


def trigger_of(schedule: Stored | Record) -> triggers.Trigger:
    """The trigger of a stored schedule; it was checked when it was stored."""
    return triggers.Trigger(
        kind=schedule.kind,
        expr=schedule.expr,
        timezone=schedule.timezone,
        start_at=schedule.start_at,
        end_at=schedule.end_at,
        anchor=schedule.anchor,
        hash_key=hash_key(schedule.task_id),
        jitter=schedule.jitter,
    )


def hash_key(task_id: int | None) -> str:
    """What `H` and jitter are derived from: the same for a task, different between tasks."""
    return f"task:{task_id}"


async def of_tasks(session: ReadSession, task_ids: Sequence[int]) -> dict[int, list[Schedule]]:
    """The schedules of these tasks, in the order they were written."""
    rows = await session.scalars(select(Schedule).where(Schedule.task_id.in_(task_ids)).order_by(Schedule.id))  # type: ignore[attr-defined, arg-type]
    found: dict[int, list[Schedule]] = {task_id: [] for task_id in task_ids}
    for schedule in rows:
        found[schedule.task_id].append(schedule)
    return found


async def of_task(session: ReadSession, task_id: int) -> list[Schedule]:
    """The schedules of one task, in the order they were written."""
    return (await of_tasks(session, [task_id]))[task_id]


async def lock(session: WriteSession, task_ids: Sequence[int]) -> list[Schedule]:
    """Lock the schedules of these tasks against the scheduler.

    Always before the task's own row, as firing does: two orders would be a deadlock.
    """
    rows = await session.scalars(
        select(Schedule)
        .where(Schedule.task_id.in_(sorted(task_ids)))  # type: ignore[attr-defined]
        .order_by(Schedule.id)  # type: ignore[arg-type]
        .with_for_update()
        .execution_options(populate_existing=True)  # what this session read before may be old by now
    )
    return list(rows)


async def replace(
    session: WriteSession, task: Task, existing: Sequence[Schedule], data: TaskInput, *, now: datetime
) -> None:
    """Make the schedules of `task` what `data` says. One that stays as it was keeps its next instant."""
    kept: set[int | None] = set()
    for field, item in wanted(data):
        trigger = parse(item, field=field, zone=data.timezone or "UTC", key=hash_key(task.id), now=now)
        choice = await calendar_of(session, item, trigger, prefix=field.rpartition(".")[0], now=now)
        same = next((row for row in existing if row.id not in kept and _describes(row, trigger, choice)), None)
        if same is None:
            assert task.id is not None
            same = Schedule(task_id=task.id, kind=trigger.kind, expr=trigger.expr, timezone=trigger.timezone)
            same.start_at, same.end_at = trigger.start_at, trigger.end_at
            same.anchor, same.jitter = trigger.anchor, trigger.jitter
            same.calendar_id, same.calendar_name, same.calendar_rule = choice.id, choice.name, choice.rule
            session.add(same)
            point(same, choice.schedule, after=now)
            if not task.enabled:
                pause([same])
            await session.flush()
        kept.add(same.id)
    gone = [row for row in existing if row.id not in kept]
    await account_paused(session, task, gone, now=now)
    for row in gone:
        await session.delete(row)


@dataclass(frozen=True, slots=True)
class Choice:
    """The calendar a schedule is to keep to, and the schedule under it."""

    schedule: triggers.Trigger | triggers.Observed
    id: int | None = None
    name: str = ""
    rule: str = ""


async def calendar_of(
    session: ReadSession, item: ScheduleInput, trigger: triggers.Trigger, *, prefix: str = "", now: datetime
) -> Choice:
    """The calendar that `item` names, checked against the schedule. Raises Invalid naming the field.

    A name is that of a stored calendar, or of a built-in one. Without a rule the calendar's kind gives it: working
    days are for "only_on", holidays and dates for "never_on".
    """
    dot = f"{prefix}." if prefix else ""
    if item.calendar is None and item.calendar_id is None:
        if item.calendar_rule is not None:
            raise Invalid(N_("Say which calendar the rule is about."), field=f"{dot}calendar")
        return Choice(trigger)
    stored = (
        await calendars.by_id(session, item.calendar_id)
        if item.calendar_id is not None
        else await calendars.by_name(session, item.calendar or "")
    )
    days = calendars.days_of(stored) if stored else built_in(item.calendar or "") if item.calendar_id is None else None
    if days is None:
        raise Invalid(
            N_('There is no calendar "{name}". Create one, or use a country such as CN, DE, US-CA or CN:working_days.'),
            field=f"{dot}calendar_id" if item.calendar_id is not None else f"{dot}calendar",
            name=item.calendar or item.calendar_id,
        )
    rule = item.calendar_rule or ("only_on" if getattr(days, "kind", "") == "working_days" else "never_on")
    observed = triggers.Observed(trigger, days, rule)
    try:
        check(observed, now=now)
    except triggers.InvalidSchedule as error:
        raise Invalid(error.template, field=f"{dot}{error.field}", **error.params) from None
    return Choice(observed, stored.id if stored else None, "" if stored else (item.calendar or "").strip(), rule)


def _describes(row: Schedule, trigger: triggers.Trigger, choice: Choice) -> bool:
    names = ("kind", "expr", "timezone", "start_at", "end_at", "jitter")
    calendar = (row.calendar_id, row.calendar_name, row.calendar_rule) == (choice.id, choice.name, choice.rule)
    return calendar and all(getattr(row, name) == getattr(trigger, name) for name in names)


def observed_of(schedule: Schedule, days: calendars.Known) -> triggers.Trigger | triggers.Observed:
    """The stored schedule as its calendar lets it run; `days` are those of `queries.calendars.known`."""
    return calendars.observed(trigger_of(schedule), schedule, days)


def instants_of(schedule: triggers.Trigger | triggers.Observed) -> triggers.Trigger | triggers.Observed:
    """Every instant the schedule defines: those that a calendar leaves out as well, those it moves where they move."""
    if isinstance(schedule, triggers.Observed) and schedule.rule != "shift_next":
        return schedule.trigger
    return schedule


def point(row: Schedule, schedule: triggers.Trigger | triggers.Observed, *, after: datetime) -> None:
    """Set what comes next: the next instant to account for, and the next that runs where that is another."""
    every = instants_of(schedule)
    row.next_run_at = every.next_after(after)
    row.runs_at = None if every is schedule else schedule.next_after(after)


def pause(schedules: Sequence[Schedule]) -> None:
    """Switch schedules off, and remember from where on nobody has accounted for their instants."""
    for schedule in schedules:
        schedule.paused_from = schedule.next_run_at or schedule.paused_from
        schedule.next_run_at = schedule.runs_at = None


async def resume(session: WriteSession, task: Task, schedules: Sequence[Schedule], *, now: datetime) -> None:
    """Switch schedules on, from now and never from where they stopped; what came due meanwhile is one skipped row."""
    await account_paused(session, task, schedules, now=now)
    days = await calendars.known(session, schedules)
    for schedule in schedules:
        schedule.paused_from = None
        point(schedule, observed_of(schedule, days), after=now)


async def account_paused(session: WriteSession, task: Task, schedules: Sequence[Schedule], *, now: datetime) -> None:
    """Write down the instants that came due during a pause: one row, whatever their number (docs/adr/0006)."""
    span = await paused_span(session, schedules, now=now)
    if span is None:
        return
    values = {"status": Status.SKIPPED, "reason": "paused", "finished_at": now}
    if span.count > 1:
        values |= {"instants": span.count, "scheduled_until": span.last}
    key = enqueue.fire_key(span.first)
    given = enqueue.row(task, key=key, trigger="schedule", scheduled_for=span.first, now=now, **values)
    await enqueue.enqueue(session, [given])


@dataclass(frozen=True, slots=True)
class Span:
    """Several instants taken together."""

    first: datetime
    last: datetime
    count: int


async def paused_span(session: ReadSession, schedules: Sequence[Schedule], *, now: datetime) -> Span | None:
    """The instants of a pause up to now, over all schedules of a task; None when there was none."""
    days = await calendars.known(session, schedules)
    return span_of([(row.paused_from, instants_of(observed_of(row, days))) for row in schedules], now=now)


def span_of(
    parts: Sequence[tuple[datetime | None, triggers.Trigger | triggers.Observed]], *, now: datetime
) -> Span | None:
    """The instants in [start, now] of several schedules together; each start is an instant of its schedule.

    Instants that two schedules share count once, but where there are more than a thousand of a schedule.
    """
    due = [(start, schedule) for start, schedule in parts if start is not None and start <= now]
    if not due:
        return None
    counts = [1 + schedule.count(start, now) for start, schedule in due]
    last = max(next(iter(schedule.newest(start, now, 1)), start) for start, schedule in due)
    total = sum(counts)
    if len(due) > 1 and max(counts) <= _COUNTED:
        total = len({each for start, schedule in due for each in (start, *schedule.between(start, now))})
    return Span(min(start for start, _ in due), last, total)


async def previewed(
    session: ReadSession, item: ScheduleInput, *, field: str, after: datetime, count: int, now: datetime
) -> tuple[triggers.Preview, triggers.Trigger]:
    """The next fires of a schedule nobody has saved yet, and with how many other tasks the first one collides.

    Raises Invalid naming the field.
    """
    earliest = min(now, after)
    trigger = parse(item, field=field, zone=item.timezone or "UTC", key="", now=earliest)
    choice = await calendar_of(session, item, trigger, now=earliest)
    found = triggers.preview(choice.schedule, after=after, count=count)
    warnings = list(found.warnings)
    if found.next and (others := await colliding(session, found.next[0].utc)):
        at = found.next[0].local
        code = "collides" if others > 1 else "collides_one"
        warnings.append(
            triggers.Note(code, {"count": others, "clock": f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"})
        )
    return triggers.Preview(found.next, warnings), trigger


def coming(
    rows: Sequence[Schedule], *, after: datetime, count: int, days: calendars.Known | None = None
) -> list[triggers.PreviewInstant]:
    """The next `count` instants after `after` over several schedules; one instant runs a task once."""
    found = {
        item.utc: item
        for row in rows
        for item in triggers.preview(observed_of(row, days or {}), after=after, count=count).next
    }
    return [found[instant] for instant in sorted(found)][:count]
