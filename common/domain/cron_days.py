"""Which days of a month a cron expression's day-of-month and day-of-week fields name together."""

from dataclasses import dataclass

EVERY_DAY = frozenset(range(1, 32))
EVERY_WEEKDAY = frozenset(range(7))
LAST = -1


@dataclass(frozen=True, slots=True)
class DayRule:
    """Both day fields, expanded. Weekdays count as cron does, 0 = Sunday.

    `nth` holds (weekday, n) pairs for `5#2`, with n = LAST for `L5`; `nearest` the days of `15W`.
    `either` is Vixie's rule: when both fields are restricted a day needs to match only one of them.
    A field that starts with `*` is not restricted in this sense, `*/2` included, as in cron itself.
    """

    days: frozenset[int]
    last_day: bool
    nearest: frozenset[int]
    weekdays: frozenset[int]
    nth: frozenset[tuple[int, int]]
    either: bool

    def in_month(self, first_weekday: int, length: int) -> tuple[int, ...]:
        """Return the matching days of a month of `length` days; `first_weekday` counts as Python, 0 = Monday."""
        by_day = self._by_day(first_weekday, length)
        by_weekday = self._by_weekday(first_weekday, length)
        return tuple(sorted(by_day | by_weekday if self.either else by_day & by_weekday))

    def _by_day(self, first_weekday: int, length: int) -> set[int]:
        named = {day for day in self.days if day <= length}
        if self.last_day:
            named.add(length)
        return named | {_nearest_working(day, first_weekday, length) for day in self.nearest}

    def _by_weekday(self, first_weekday: int, length: int) -> set[int]:
        named = {day for day in range(1, length + 1) if (first_weekday + day) % 7 in self.weekdays}
        for weekday, nth in self.nth:
            on_it = [day for day in range(1, length + 1) if (first_weekday + day) % 7 == weekday]
            if nth == LAST:
                named.add(on_it[-1])
            elif nth <= len(on_it):
                named.add(on_it[nth - 1])
        return named


def _nearest_working(day: int, first_weekday: int, length: int) -> int:
    """Return the Monday-to-Friday nearest to `day` without leaving the month; `31W` is its last one."""
    day = min(day, length)
    weekday = (first_weekday + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day
