"""A parsed cron expression as a set of wall times: the next one, and how many lie between two.

Knows nothing of zones; `cron_timeline.py` puts those on top. Fields come expanded from croniter
(`cron_parse.py`), but are walked here: one step costs about 2 microseconds, a croniter object 100.
"""

from bisect import bisect_left, bisect_right
from calendar import isleap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, date, datetime

from common.domain.cron_days import DayRule

# Whatever a day rule asks depends on the year's length and first weekday only. Those fourteen kinds of year repeat
# every 400 years, and each comes again within 40 (29 February on a given weekday, across 2100, takes 40).
HORIZON_YEARS = 41
_KIND_OF_YEAR = tuple(7 * isleap(year) + date(year, 1, 1).weekday() for year in range(2000, 2400))
_EVERY_KIND = range(2000, 2028)
_FEBRUARY = 2
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Cron:
    """Sorted values per field; `years` None means any.

    `fixed`: neither minute nor hour starts with `*`. `hashed`: there is an `H`.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayRule
    months: tuple[int, ...]
    years: tuple[int, ...] | None
    fixed: bool
    hashed: bool
    texts: tuple[str, ...]  # second, minute, hour, day, month, weekday, year; as written, lower case
    _days_by_shape: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    _first_by_kind: dict[int, tuple[int, int] | None] = field(default_factory=dict, compare=False, repr=False)

    def next_wall(self, wall: datetime) -> datetime | None:
        """Return the first matching naive wall time after `wall` (whole seconds); None when there is none."""
        if self._runs_on(wall):
            clock = self._clock_after(wall.hour, wall.minute, wall.second)
            if clock is not None:
                return datetime(wall.year, wall.month, wall.day, *clock)  # noqa: DTZ001 - wall times are naive
        day = self._day_after(wall)
        return None if day is None else datetime(*day, self.hours[0], self.minutes[0], self.seconds[0])  # noqa: DTZ001

    def matches(self, wall: datetime) -> bool:
        """Whether the naive wall time `wall` is one of the set."""
        return (
            wall.second in self.seconds
            and wall.minute in self.minutes
            and wall.hour in self.hours
            and self._runs_on(wall)
        )

    def count(self, start: datetime, stop: datetime) -> int:
        """Return how many matching wall times lie in [start, stop), by arithmetic over days."""
        if start >= stop:
            return 0
        whole_days = self._count_days(start, stop)
        return whole_days * self.per_day + self._count_before(stop) - self._count_before(start)

    @property
    def per_day(self) -> int:
        """Matching times on a day that matches."""
        return len(self.hours) * len(self.minutes) * len(self.seconds)

    def possible(self) -> bool:
        """Whether any date can ever match: `30 February` cannot, `29 February` can."""
        years = _EVERY_KIND if self.years is None else self.years
        return any(self._first_in(year) is not None for year in years)

    def _clock_after(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """Return the first matching time of day after the one given."""
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        if hour in hours:
            if minute in minutes and (at := bisect_right(seconds, second)) < len(seconds):
                return hour, minute, seconds[at]
            if (at := bisect_right(minutes, minute)) < len(minutes):
                return hour, minutes[at], seconds[0]
        if (at := bisect_right(hours, hour)) < len(hours):
            return hours[at], minutes[0], seconds[0]
        return None

    def _day_after(self, day: date) -> tuple[int, int, int] | None:
        """Return the first matching year, month and day after `day`."""
        if self.years is None or day.year in self.years:
            for month in self.months[bisect_left(self.months, day.month) :]:
                days = self._days_of(day.year, month)
                at = bisect_right(days, day.day) if month == day.month else 0
                if at < len(days):
                    return day.year, month, days[at]
        known = self._first_by_kind
        for year in self._years_after(day.year):
            kind = _KIND_OF_YEAR[year % 400]
            if (first := known[kind] if kind in known else self._first_in(year)) is not None:
                return year, *first
        return None

    def _years_after(self, year: int) -> Sequence[int]:
        """The later years that may hold a match: those listed, or all up to the horizon."""
        if self.years is not None:
            return self.years[bisect_right(self.years, year) :]
        return range(year + 1, min(year + HORIZON_YEARS, MAXYEAR) + 1)

    def _first_in(self, year: int) -> tuple[int, int] | None:
        """The first matching month and day of a year: one answer for each of the 14 kinds of year, kept."""
        by_month = ((month, self._days_of(year, month)) for month in self.months)
        first = next(((month, days[0]) for month, days in by_month if days), None)
        self._first_by_kind[_KIND_OF_YEAR[year % 400]] = first
        return first

    def _runs_on(self, day: date) -> bool:
        return (
            day.month in self.months
            and (self.years is None or day.year in self.years)
            and day.day in self._days_of(day.year, day.month)
        )

    def _count_days(self, start: date, stop: date) -> int:
        """Matching dates from the day of `start` up to, without, the day of `stop`."""
        total = 0
        for year, month in self._months_between(start, stop):
            days = self._days_of(year, month)
            low = bisect_left(days, start.day) if (year, month) == (start.year, start.month) else 0
            high = bisect_left(days, stop.day) if (year, month) == (stop.year, stop.month) else len(days)
            total += high - low
        return total

    def _months_between(self, start: date, stop: date) -> Iterator[tuple[int, int]]:
        for index in range(start.year * 12 + start.month - 1, stop.year * 12 + stop.month):
            year, month = divmod(index, 12)
            if month + 1 in self.months and (self.years is None or year in self.years):
                yield year, month + 1

    def _count_before(self, wall: datetime) -> int:
        """Matching times on the day of `wall` that are earlier than it."""
        if not self._runs_on(wall):
            return 0
        count = bisect_left(self.hours, wall.hour) * len(self.minutes) * len(self.seconds)
        if wall.hour in self.hours:
            count += bisect_left(self.minutes, wall.minute) * len(self.seconds)
            if wall.minute in self.minutes:
                count += bisect_left(self.seconds, wall.second)
        return count

    def _days_of(self, year: int, month: int) -> tuple[int, ...]:
        """Months of one length that begin on one weekday have the same matching days: 28 shapes, kept."""
        first_weekday = date(year, month, 1).weekday()
        length = 28 if month == _FEBRUARY and not isleap(year) else _LENGTHS[month - 1]
        days = self._days_by_shape.get((first_weekday, length))
        if days is None:
            days = self._days_by_shape[first_weekday, length] = self.days.in_month(first_weekday, length)
        return days
