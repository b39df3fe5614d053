"""An independent statement of the time rules: looks at every minute, shares no code with Rota or croniter.

Slow and plain on purpose. Knows numbers, ranges, steps, lists, `*`, and in the day fields `L`, `5#2` and `5L`.
"""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def fires(expr: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return every UTC minute in (after, until] at which the five-field `expr` fires in `zone`."""
    fields = expr.split()
    fixed = not fields[0].startswith("*") and not fields[1].startswith("*")
    return [instant for instant in _minutes(after, until) if _fires_at(fields, fixed, zone, instant)]


def _minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    instant = after.replace(second=0, microsecond=0) + MINUTE
    while instant <= until:
        yield instant
        instant += MINUTE


def _fires_at(fields: list[str], fixed: bool, zone: ZoneInfo, instant: datetime) -> bool:
    local = instant.astimezone(zone)
    if not fixed:
        return _matches(fields, local)
    if not local.fold and _matches(fields, local):
        return True
    before = (instant - MINUTE).astimezone(zone).replace(tzinfo=None)
    jumped_over = _minutes_between(before, local.replace(tzinfo=None))
    return any(_matches(fields, wall) for wall in jumped_over)


def _minutes_between(before: datetime, after: datetime) -> Iterator[datetime]:
    """The wall minutes that the clock left out between two consecutive minutes of real time."""
    wall = before + MINUTE
    while wall < after:
        yield wall
        wall += MINUTE


def _matches(fields: list[str], wall: datetime) -> bool:
    minute, hour, day, month, weekday = fields
    if not (_in(minute, wall.minute, 0) and _in(hour, wall.hour, 1) and _in(month, wall.month, 3)):
        return False
    by_day, by_weekday = _in_days(day, wall), _in_weekdays(weekday, wall)
    if day.startswith("*") or weekday.startswith("*"):
        return by_day and by_weekday
    return by_day or by_weekday


def _in(field: str, value: int, index: int) -> bool:
    return any(_item(item, value, index) for item in field.split(","))


def _item(item: str, value: int, index: int) -> bool:
    body, _, step = item.partition("/")
    low, high = RANGES[index]
    if body != "*":
        first, _, last = body.partition("-")
        low, high = int(first), int(last) if last else high if step else int(first)
    return low <= value <= high and (value - low) % int(step or 1) == 0


def _in_days(field: str, wall: date) -> bool:
    last = calendar.monthrange(wall.year, wall.month)[1]
    return any(wall.day == last if item == "L" else _item(item, wall.day, 2) for item in field.split(","))


def _in_weekdays(field: str, wall: date) -> bool:
    return any(_weekday(item, wall) for item in field.split(","))


def _weekday(item: str, wall: date) -> bool:
    weekday = wall.isoweekday() % 7
    if "#" in item:
        day, nth = item.split("#")
        return weekday == int(day) % 7 and (wall.day + 6) // 7 == int(nth)
    if item.endswith("L"):
        return weekday == int(item[:-1]) % 7 and (wall + timedelta(days=7)).month != wall.month
    return _item(item, weekday, 4) or (weekday == 0 and _item(item, 7, 4))
