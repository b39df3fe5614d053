"""Between UTC and a zone's wall clock: gaps, overlaps, and where a zone changes its offset.

Only `utcoffset()` is asked, never `dst()`: Morocco and Ireland call their winter time the "saving" one, and
zones have changed offset without any daylight saving. Wall times are naive datetimes, instants aware UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
ZERO = timedelta(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WALL = datetime(1970, 1, 1)  # noqa: DTZ001 - wall times are naive here
# Coarse enough to be cheap over years, fine enough that no zone changes twice within one step.
_SCAN = timedelta(hours=12)


class Offsets(NamedTuple):
    """What a wall time is off UTC: `before` and `after` differ only around a change of the zone's offset."""

    before: timedelta
    after: timedelta

    @property
    def gap(self) -> bool:
        """The wall clock jumps over this time: it does not exist."""
        return self.before < self.after

    @property
    def overlap(self) -> bool:
        """The wall clock shows this time twice."""
        return self.before > self.after


def offsets(wall: datetime, zone: ZoneInfo) -> Offsets:
    """Return both readings of a naive wall time in whole seconds (PEP 495: fold 0 and fold 1)."""
    # Every next-fire comes through here. ZoneInfo reads the fields only, so the wall time need not carry the
    # zone, and building a datetime takes a third of the time that replace() takes.
    again = datetime(wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second, fold=1)  # noqa: DTZ001
    return Offsets(zone.utcoffset(wall) or ZERO, zone.utcoffset(again) or ZERO)


def instant_of(wall: datetime, offset: timedelta) -> datetime:
    """Return the UTC instant at which a clock `offset` ahead of UTC shows `wall`."""
    return _EPOCH + (wall - _EPOCH_WALL - offset)


def wall_of(instant: datetime, offset: timedelta) -> datetime:
    """Return what a clock `offset` ahead of UTC shows at `instant`."""
    return _EPOCH_WALL + (instant - _EPOCH + offset)


def offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    """Return the zone's offset at a UTC instant."""
    return instant.astimezone(zone).utcoffset() or ZERO


def change_around(wall: datetime, both: Offsets, zone: ZoneInfo) -> datetime:
    """Return the instant of the change that makes `wall` a gap or an overlap."""
    early = instant_of(wall, max(both))
    late = instant_of(wall, min(both))
    return _change_between(zone, early, late)


def changes(zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants in (after, until] at which the zone's offset changes."""
    found: list[datetime] = []
    here, offset = after, offset_at(after, zone)
    while here < until:
        there = min(here + _SCAN, until)
        offset_there = offset_at(there, zone)
        if offset_there != offset:
            found.append(_change_between(zone, here, there))
        here, offset = there, offset_there
    return found


def _change_between(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """Bisect to the first second in (early, late] that has the offset of `late`."""
    wanted = offset_at(late, zone)
    low, high = 0, int((late - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(early + middle * SECOND, zone) == wanted:
            high = middle
        else:
            low = middle
    return early + high * SECOND
