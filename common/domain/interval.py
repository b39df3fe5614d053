"""Intervals: instants on a grid of real seconds, whatever the wall clock does."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.domain.invalid import InvalidSchedule
from common.domain.timeline import Found

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=3660)
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(
    r"(\d{1,12})\s*(?:(w)(?:eeks?)?|(d)(?:ays?)?|(h)(?:ours?|rs?)?|(m)(?:in(?:ute)?s?)?|(s)(?:ec(?:ond)?s?)?)(?![a-z])",
    re.ASCII,
)


def parse_interval(expr: str) -> timedelta:
    """Return the length of "30s", "5m", "2h", "1d", "1w", "1h30m", "90 minutes" or a bare number of seconds.

    Raises InvalidSchedule (field "expr") for anything else, below one second, or above ten years.
    """
    text = expr.strip().lower()[:200]
    seconds = int(text) if re.fullmatch(r"\d{1,12}", text, re.ASCII) else _sum_of_parts(text)
    if seconds is None:
        raise InvalidSchedule(
            '"{expr}" is not an interval. Write, for example, 30s, 5m, 2h, 1d, 1w or 1h30m.',
            field="expr",
            expr=expr.strip()[:60],
        )
    if seconds < 1:
        raise InvalidSchedule("The shortest interval is 1 second. Write 1s or more.", field="expr")
    if seconds > LONGEST.total_seconds():
        raise InvalidSchedule("The longest interval is 3660 days. Use a cron expression with a date.", field="expr")
    return timedelta(seconds=seconds)


def _sum_of_parts(text: str) -> int | None:
    """Add up "1h 30m"; None when anything is left over or a unit comes twice."""
    total, end, seen = 0, 0, set()
    for part in _PART.finditer(text):
        unit = next(group for group in part.groups()[1:] if group)
        if text[end : part.start()].strip() or unit in seen:
            return None
        seen.add(unit)
        total += int(part[1]) * _UNITS[unit]
        end = part.end()
    return total if seen and not text[end:].strip() else None


@dataclass(frozen=True, slots=True)
class IntervalTimeline:
    """The instants `anchor + n x step` for every whole n, before the anchor too: a window is the trigger's work."""

    anchor: datetime
    step: timedelta

    def next(self, instant: datetime) -> Found | None:
        """Return the first grid instant after `instant`."""
        n = (instant - self.anchor) // self.step + 1
        try:
            return Found((self.anchor + n * self.step).astimezone(UTC))
        except OverflowError:
            return None

    def count(self, after: datetime, until: datetime) -> int:
        """Return the number of grid instants in (after, until]."""
        if after >= until:
            return 0
        return (until - self.anchor) // self.step - (after - self.anchor) // self.step
