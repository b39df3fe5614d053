"""A single instant, written as ISO text: with an offset, or as wall time of the schedule's zone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from common.domain.invalid import InvalidSchedule
from common.domain.timeline import Found
from common.domain.walltime import change_around, instant_of, offsets


def parse_once(expr: str, zone: ZoneInfo) -> Found:
    """Return the instant `expr` names; a wall time in a gap becomes the first instant after it, one that comes
    twice its first occurrence (the rule for fixed cron times).

    Raises InvalidSchedule (field "expr") for text that is no ISO date and time.
    """
    text = expr.strip()
    try:
        moment = datetime.fromisoformat(text[:64]).replace(microsecond=0)
        return _found(moment, zone)
    except (ValueError, OverflowError) as error:
        raise InvalidSchedule(
            '"{text}" is not a date and time. Write, for example, 2026-11-23 09:00.', field="expr", text=text[:60]
        ) from error


def _found(moment: datetime, zone: ZoneInfo) -> Found:
    if moment.tzinfo is not None:
        return Found(moment.astimezone(UTC), moment.astimezone(zone).replace(tzinfo=None, fold=0))
    moment = moment.replace(fold=0)
    both = offsets(moment, zone)
    if both.gap:
        return Found(change_around(moment, both, zone), moment, "gap")
    return Found(instant_of(moment, both.before), moment, "first" if both.overlap else "")


@dataclass(frozen=True, slots=True)
class OnceTimeline:
    """One instant."""

    found: Found

    def next(self, instant: datetime) -> Found | None:
        """Return the instant if it lies after `instant`."""
        return self.found if self.found.instant > instant else None

    def count(self, after: datetime, until: datetime) -> int:
        """Return 1 if the instant lies in (after, until]."""
        return int(after < self.found.instant <= until)
