"""Calendars: schedules that run on some days only, or move to the next working day. Knows no country and no table.

- only_on: instants on days of the calendar run, the others are left out.
- never_on: instants on days of the calendar are left out.
- shift_next: an instant on a day that is no working day moves to the next one, at the same wall time. Two that meet
  there are one. A wall time that does not exist there runs right after the gap, one that comes twice at the first.

A day is a day of the schedule's zone. What is left out is accounted for (promise P1): `plan` names every instant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple, Protocol

from common.domain import misfire
from common.domain.cron_parse import parse_cron
from common.domain.interval import parse_interval
from common.domain.invalid import InvalidSchedule
from common.domain.timeline import Fires, Found
from common.domain.trigger import Trigger
from common.domain.walltime import change_around, instant_of, offsets
from common.domain.zones import zone

Rule = Literal["only_on", "never_on", "shift_next"]
RULES: tuple[Rule, ...] = ("only_on", "never_on", "shift_next")
#: More runs a day than this are not moved: shift_next counts them one by one.
MOST_SHIFTED = 24

_RESOLUTION = timedelta(microseconds=1)
_DAY = timedelta(days=1)
#: How far a day that fits is looked for; beyond it a calendar counts as empty.
_SEARCH = 3660
_TRIES = 1000


class Why(NamedTuple):
    """What a day is, in English and Chinese: "National Day", "weekend"."""

    en: str
    zh: str


class Days(Protocol):
    """A calendar: a set of days, and which days are working days."""

    def contains(self, day: date) -> bool:
        """Whether the day is one of the calendar's."""
        ...

    def working(self, day: date) -> bool:
        """Whether shift_next may move an instant to the day."""
        ...

    def why(self, day: date) -> Why:
        """What the day is."""
        ...

    def unknown(self, day: date) -> bool:
        """Whether nobody has announced yet what the day will be; `contains` and `working` then guess."""
        ...


@dataclass(frozen=True, slots=True)
class ListedDays:
    """Days somebody wrote down. Every other day is a working day."""

    dates: frozenset[date]

    def contains(self, day: date) -> bool:
        """Whether the day is in the list."""
        return day in self.dates

    def working(self, day: date) -> bool:
        """Whether the day is not in the list."""
        return day not in self.dates

    def why(self, day: date) -> Why:
        """Whether the day is in the list, in words."""
        return Why("in the calendar", "在日历中") if day in self.dates else Why("not in the calendar", "不在日历中")

    def unknown(self, day: date) -> bool:
        """A list is what it is."""
        return False


@dataclass(frozen=True, slots=True)
class Observed(Fires):
    """A schedule as a calendar lets it run: the instants that run, moved where the rule moves them."""

    trigger: Trigger
    days: Days
    rule: Rule

    def runs_on(self, day: date) -> bool:
        """Whether instants of this day run on it."""
        if self.rule == "shift_next":
            return self.days.working(day)
        return self.days.contains(day) == (self.rule == "only_on")

    def runs(self, instant: datetime) -> bool:
        """Whether an instant of the schedule runs when it says."""
        return self.runs_on(self.day_of(instant))

    def day_of(self, instant: datetime) -> date:
        """The day of an instant in the schedule's zone."""
        return instant.astimezone(zone(self.trigger.timezone)).date()

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first instant after `instant` that runs; None when there is none within ten years of days."""
        found = self.find_after(instant)
        return None if found is None else found.instant

    def find_after(self, instant: datetime) -> Found | None:
        """Like `next_after`, with the wall time it stands for and how it came about."""
        if self.rule == "shift_next":
            return self._shifted_after(instant)
        for _ in range(_TRIES):
            found = self.trigger.find_after(instant)
            if found is None or self.runs(found.instant):
                return found
            day = self._next_running(self.day_of(found.instant))
            if day is None:
                return None
            instant = self._start(day) - _RESOLUTION
        return None

    def count(self, after: datetime, until: datetime) -> int:
        """Return how many instants in (after, until] run."""
        if self.rule == "shift_next":
            return len(self.between(after, until))
        return sum(self.trigger.count(start, end) for start, end in self.spans(after, until, running=True))

    def spans(self, after: datetime, until: datetime, *, running: bool) -> Iterator[tuple[datetime, datetime]]:
        """Cut (after, until] into stretches of days on which the schedule runs, or those on which it does not."""
        if after >= until:
            return
        day, last = self.day_of(after), self.day_of(until)
        while day <= last:
            first = day
            while day <= last and self.runs_on(day) == running:
                day += _DAY
            if day > first:
                start, end = self._start(first) - _RESOLUTION, self._start(day) - _RESOLUTION
                if max(after, start) < min(until, end):
                    yield max(after, start), min(until, end)
            day += _DAY

    def _next_running(self, day: date) -> date | None:
        """The first day from `day` on on which instants run."""
        for _ in range(_SEARCH):
            if self.runs_on(day):
                return day
            day += _DAY
        return None

    def _start(self, day: date) -> datetime:
        return self._at(datetime.combine(day, time()))

    def _at(self, wall: datetime) -> datetime:
        """The instant of a wall time, by the rule for fixed times."""
        here = zone(self.trigger.timezone)
        both = offsets(wall, here)
        return change_around(wall, both, here) if both.gap else instant_of(wall, both.before)

    def _shifted_after(self, instant: datetime) -> Found | None:
        day = self.day_of(instant)
        for _ in range(_TRIES):
            target = self._next_running(day)
            if target is None:
                return None
            found = [each for source in self._sources(target) if (each := self._moved(source, target, instant))]
            if found:
                first = min(found, key=lambda each: (each.instant, each.how == "shifted"))
                end = self.trigger.end_at
                return None if end is not None and first.instant > end else first
            later = self.trigger.find_after(self._start(target + _DAY) - _RESOLUTION)
            if later is None:
                return None
            day = self.day_of(later.instant)
        return None

    def _sources(self, target: date) -> Iterator[date]:
        """The working day itself and the days before it that move to it."""
        yield target
        day = target - _DAY
        for _ in range(_SEARCH):
            if self.days.working(day):
                return
            yield day
            day -= _DAY

    def _moved(self, source: date, target: date, after: datetime) -> Found | None:
        """The first instant of the day `source` that, moved to `target`, lies after `after`."""
        if source == target:
            found = self.trigger.find_after(max(after, self._start(target) - _RESOLUTION))
            return found if found is not None and self.day_of(found.instant) == target else None
        here = zone(self.trigger.timezone)
        start = self._start(source)
        if self.day_of(after) >= target:
            local = after.astimezone(here).time().replace(tzinfo=None, fold=0)
            start = max(start, self._at(datetime.combine(source, local)))
        found = self.trigger.find_after(start - _RESOLUTION)
        while found is not None and self.day_of(found.instant) == source:
            wall = found.instant.astimezone(here).replace(tzinfo=None, fold=0)
            moved = datetime.combine(target, wall.time())
            instant = self._at(moved)
            if instant > after:
                return Found(instant, moved, "shifted", wall)
            found = self.trigger.find_after(found.instant)
        return None


def check(observed: Observed, *, now: datetime) -> None:
    """Raise InvalidSchedule when the calendar cannot be kept, or leaves nothing to run."""
    trigger = observed.trigger
    if observed.rule == "shift_next" and _runs_a_day(trigger) > MOST_SHIFTED:
        raise InvalidSchedule(
            "Moving to the next working day is for schedules with {most} runs a day at most."
            ' Use "only_on" with working days for others.',
            field="calendar_rule",
            most=MOST_SHIFTED,
        )
    if observed.next_after(now) is None:
        raise InvalidSchedule(
            "With this calendar the schedule never runs. Choose other days, or another rule.", field="calendar"
        )


def _runs_a_day(trigger: Trigger) -> int:
    if trigger.kind == "cron":
        return parse_cron(trigger.expr, trigger.hash_key).per_day
    return -(-_DAY // parse_interval(trigger.expr)) if trigger.kind == "interval" else 1


def plan(
    observed: Observed,
    *,
    due: datetime,
    now: datetime,
    policy: misfire.Policy,
    grace: int | None = None,
    bound: int = misfire.BOUND,
) -> misfire.Plan:
    """Account for every instant in [due, now] as `misfire.plan` does, with those the calendar leaves out apart.

    Only instants that run compete under the misfire policy: a holiday never stands for a working day.
    """
    if observed.rule == "shift_next" or due > now:
        return misfire.plan(observed, due=due, now=now, policy=policy, grace=grace, bound=bound)
    first = due if observed.runs(due) else observed.next_after(due)
    if first is None or first > now:
        ran = misfire.Plan()
    else:
        ran = misfire.plan(observed, due=first, now=now, policy=policy, grace=grace, bound=bound)
    left_out, summary = _left_out(observed, due - _RESOLUTION, now, bound)
    return misfire.Plan(
        fires=ran.fires,
        missed=ran.missed,
        summary=ran.summary,
        next_at=observed.trigger.next_after(now),
        left_out=left_out,
        left_out_summary=summary,
        runs_at=observed.next_after(now),
    )


def _left_out(
    observed: Observed, after: datetime, until: datetime, bound: int
) -> tuple[list[datetime], misfire.MissedSummary | None]:
    """The instants in (after, until] on days that do not run: one by one, or counted when there are many."""
    trigger = observed.trigger
    spans = [
        (start, end, count)
        for start, end in observed.spans(after, until, running=False)
        if (count := trigger.count(start, end))
    ]
    total = sum(count for _, _, count in spans)
    if total <= bound:
        return [instant for start, end, _ in spans for instant in trigger.between(start, end)], None
    first = trigger.next_after(spans[0][0])
    assert first is not None
    (last,) = trigger.newest(spans[-1][0], spans[-1][1], 1)
    return [], misfire.MissedSummary(first, last, total, "calendar")
