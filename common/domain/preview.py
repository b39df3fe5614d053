"""The next fires of a schedule as a person wants to see them: UTC, local, and what is odd about them."""

from dataclasses import dataclass, field
from datetime import MAXYEAR, date, datetime, timedelta
from itertools import pairwise

from common.domain.calendars import Observed
from common.domain.cron import Cron
from common.domain.cron_parse import parse_cron
from common.domain.interval import parse_interval
from common.domain.notes import Note, clock_note
from common.domain.timeline import Found
from common.domain.trigger import Trigger
from common.domain.walltime import changes
from common.domain.zones import zone

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class PreviewInstant:
    """One fire: the instant in UTC, the same in the schedule's zone, and a remark when the clock is odd there."""

    utc: datetime
    local: datetime
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The next fires, and remarks on the schedule as a whole."""

    next: list[PreviewInstant] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)


def preview(schedule: Trigger | Observed, *, after: datetime, count: int) -> Preview:
    """Return the next `count` fires after `after` with their remarks; fewer when the schedule ends.

    Under a calendar these are the instants that run, where they run; what is left out before one is its remark.
    """
    trigger, observed = (schedule.trigger, schedule) if isinstance(schedule, Observed) else (schedule, None)
    shown: list[PreviewInstant] = []
    before = after
    while len(shown) < count and (found := schedule.find_after(before)) is not None:
        local = found.instant.astimezone(zone(trigger.timezone))
        note = calendar_note(observed, before, found) if observed else None
        shown.append(PreviewInstant(found.instant, local, note or _note(found, local)))
        before = found.instant
    remarks = [*_of_rhythm(shown, count, trigger), *_of_kind(shown, trigger)]
    return Preview(shown, [*remarks, *(_of_calendar(shown, observed) if observed else [])])


def calendar_note(observed: Observed, before: datetime, found: Found) -> Note | None:
    """What the calendar has to do with the fire `found`, the first after `before`: moved here, or others left out."""
    if observed.rule == "shift_next":
        return (
            _calendar_note("shifted", found.skipped.date(), observed)
            if found.how == "shifted" and found.skipped
            else None
        )
    trigger = observed.trigger
    first = trigger.next_after(before)
    if first is None or first >= found.instant:
        return None
    more = trigger.count(first, found.instant) - 1
    return _calendar_note("left_out_many" if more else "left_out", observed.day_of(first), observed, more=more)


def _calendar_note(code: str, day: date, observed: Observed, **params: int) -> Note:
    en, zh = observed.days.why(day)
    weekday = day.isoweekday() % 7
    return Note(code, {"month": day.month, "day": day.day, "weekday": weekday, "why": en, "why_zh": zh, **params})


def _of_calendar(shown: list[PreviewInstant], observed: Observed) -> list[Note]:
    """Days nobody has announced yet: what is shown of them is a guess."""
    guessed = next((each.local.date() for each in shown if observed.days.unknown(each.local.date())), None)
    return [Note("unknown_days", {"year": guessed.year})] if guessed else []


def _note(found: Found, local: datetime) -> Note | None:
    wall = found.skipped if found.how == "skipped" else found.wall
    return clock_note(found.how, wall, local) if found.how and wall is not None else None


def _of_rhythm(shown: list[PreviewInstant], count: int, trigger: Trigger) -> list[Note]:
    notes: list[Note] = []
    gaps = [later.utc - earlier.utc for earlier, later in pairwise(shown)]
    if len(gaps) > 1 and max(gaps[:60]) <= timedelta(seconds=1):
        notes.append(Note("every_second"))
    if gaps and max(gaps) > _YEAR:
        notes.append(Note("rare", {"days": max(gaps) // _DAY}))
    if len(shown) < count and trigger.kind != "once":
        notes.append(Note("runs_out", {"count": len(shown)}))
    return notes


def _of_kind(shown: list[PreviewInstant], trigger: Trigger) -> list[Note]:
    if trigger.kind == "cron":
        return _of_cron(parse_cron(trigger.expr, trigger.hash_key), trigger)
    whole_days = trigger.kind == "interval" and not parse_interval(trigger.expr) % _DAY
    if whole_days and shown and shown[0].utc.year < MAXYEAR:
        first = shown[0].utc
        return [Note("real_time")] if changes(zone(trigger.timezone), first, first + _YEAR) else []
    return []


def _of_cron(cron: Cron, trigger: Trigger) -> list[Note]:
    notes: list[Note] = []
    rule = cron.days
    if rule.either:
        notes.append(Note("day_or"))
    elif min(rule.days, default=0) > 28 and not rule.last_day and len(cron.months) > 1:
        notes.append(Note("short_months", {"day": min(rule.days)}))
    for unit, text, size in zip(("second", "minute", "hour"), cron.texts, (60, 60, 24), strict=False):
        if text.startswith("*/") and text[2:].isdecimal() and size % (step := int(text[2:])):
            notes.append(Note("step_too_long" if step >= size else "uneven_step", {"step": text, "unit": unit}))
    if cron.hashed and not trigger.hash_key:
        notes.append(Note("hashed"))
    return notes
