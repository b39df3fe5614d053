"""Cronie's rule: which UTC instants a cron expression means in a zone that changes its offset.

Minute and hour both fixed (neither field starts with `*`): a time in the spring gap runs once, at the first
instant after the gap; a time in the autumn overlap runs once, at its first occurrence. Everything else follows
real time: nothing in the gap, both passes of the overlap. (`reliability.md` section 4 has the vectors.)
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from common.domain.cron import Cron
from common.domain.timeline import Found
from common.domain.walltime import SECOND, Offsets, change_around, changes, instant_of, offset_at, offsets, wall_of


@dataclass(frozen=True, slots=True)
class CronTimeline:
    """The fire instants of `cron` in `zone`."""

    cron: Cron
    zone: ZoneInfo

    def next(self, instant: datetime) -> Found | None:
        """Return the first fire after `instant` (UTC), None when there is none in the years datetime knows."""
        try:
            return self._next_fixed(instant) if self.cron.fixed else self._next_real(instant)
        except OverflowError:  # the last day of the year 9999
            return None

    def count(self, after: datetime, until: datetime) -> int:
        """Return the number of fires in (after, until]: by arithmetic between changes of the zone's offset."""
        here = after.replace(microsecond=0)
        until = until.replace(microsecond=0)
        if here >= until:
            return 0
        total = 0
        start = here + SECOND
        for change in changes(self.zone, here, until):
            if change > start:
                total += self._count_piece(start, change)
            total += self._count_gap(change)
            start = change
        return total + self._count_piece(start, until + SECOND)

    def _next_fixed(self, instant: datetime) -> Found | None:
        wall, both, second_pass = self._wall_at(instant)
        if both.overlap and second_pass:
            wall = wall_of(change_around(wall, both, self.zone), both.before) - SECOND
        while (candidate := self.cron.next_wall(wall)) is not None:
            wall, both = candidate, offsets(candidate, self.zone)
            if both.gap:
                found = Found(change_around(wall, both, self.zone), wall, "gap")
            else:
                found = Found(instant_of(wall, both.before), wall, "first" if both.overlap else "")
            if found.instant > instant:
                return found
        return None

    def _next_real(self, instant: datetime) -> Found | None:
        wall, both, second_pass = self._wall_at(instant)
        if both.overlap and not second_pass:
            change = change_around(wall, both, self.zone)
            candidate = self.cron.next_wall(wall)
            if candidate is not None and candidate < wall_of(change, both.before):
                return Found(instant_of(candidate, both.before), candidate)
            wall = wall_of(change, both.after) - SECOND
        skipped: datetime | None = None
        while (candidate := self.cron.next_wall(wall)) is not None:
            wall, both = candidate, offsets(candidate, self.zone)
            if both.gap:
                skipped = skipped or wall
                wall = wall_of(change_around(wall, both, self.zone), both.after) - SECOND
                continue
            if (found := instant_of(wall, both.before)) > instant:
                return Found(found, wall, "skipped" if skipped else "", skipped)
            if (found := instant_of(wall, both.after)) > instant:
                return Found(found, wall, "again")
        return None

    def _wall_at(self, instant: datetime) -> tuple[datetime, Offsets, bool]:
        """The wall time in whole seconds, its offsets, and whether it is the second pass of an overlap."""
        local = instant.astimezone(self.zone)
        wall = datetime(local.year, local.month, local.day, local.hour, local.minute, local.second)  # noqa: DTZ001
        return wall, offsets(wall, self.zone), bool(local.fold)

    def _count_piece(self, start: datetime, stop: datetime) -> int:
        """Fires in [start, stop), within which the offset does not change."""
        offset = offset_at(start, self.zone)
        low, high = wall_of(start, offset), wall_of(stop, offset)
        if self.cron.fixed and start.astimezone(self.zone).fold:
            both = offsets(low, self.zone)
            low = max(low, wall_of(change_around(low, both, self.zone), both.before))
        return self.cron.count(low, high)

    def _count_gap(self, change: datetime) -> int:
        """1 when times of a fixed expression fell into the gap at `change` and nothing else fires there."""
        before = wall_of(change, offset_at(change - SECOND, self.zone))
        after = wall_of(change, offset_at(change, self.zone))
        fell = self.cron.fixed and self.cron.count(before, after) > 0
        return int(fell and not self.cron.matches(after))
