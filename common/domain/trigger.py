"""A schedule as a value: what it is asked most, the next fire instant, and what depends on that alone."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from common.domain.cron_parse import parse_cron
from common.domain.cron_timeline import CronTimeline
from common.domain.interval import EPOCH, IntervalTimeline, parse_interval
from common.domain.invalid import N_, InvalidSchedule
from common.domain.once import OnceTimeline, parse_once
from common.domain.timeline import Fires, Found, Timeline
from common.domain.zones import zone

KINDS = ("cron", "interval", "once")
UNKNOWN_KIND = N_('There is no schedule of kind "{kind}". Use {kinds}.')
_RESOLUTION = timedelta(microseconds=1)
# Local time must exist on both sides of the instant, so the ends of datetime's range are out of reach.
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trigger(Fires):
    """One schedule. `triggers.parse` checks what people write; rows read back may be built directly.

    `start_at` and `end_at` are inclusive. An interval's grid is `anchor + n x interval`, counted from
    `start_at`, or else 1970-01-01T00:00Z, when there is no anchor. `hash_key` gives `H` and the jitter their value:
    it must stay the same for the task's whole life. `jitter` (seconds) never moves a fire instant; see `jittered`.
    """

    kind: str
    expr: str
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    anchor: datetime | None = None
    hash_key: str = ""
    jitter: int = 0

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first fire instant strictly after `instant`, in UTC; None when it never fires again.

        Raises InvalidSchedule if the trigger was built directly from fields that `parse` would refuse.
        """
        found = self.find_after(instant)
        return None if found is None else found.instant

    def find_after(self, instant: datetime) -> Found | None:
        """Like `next_after`, with the wall time the fire stands for and how it came about."""
        if self.start_at is not None and instant < self.start_at:
            instant = self.start_at - _RESOLUTION
        if instant > _LATEST:
            return None
        found = self.timeline().next(max(instant, _EARLIEST))
        return None if found is None or (self.end_at is not None and found.instant > self.end_at) else found

    def count(self, after: datetime, until: datetime) -> int:
        """Return the number of fire instants in (after, until], at a cost that grows with months, not with fires."""
        if self.start_at is not None and after < self.start_at:
            after = self.start_at - _RESOLUTION
        if self.end_at is not None:
            until = min(until, self.end_at)
        after, until = max(after, _EARLIEST), min(until, _LATEST)
        return self.timeline().count(after, until) if after < until else 0

    def timeline(self) -> Timeline:
        """Return the endless sequence behind the window of start and end."""
        anchor = (self.anchor or self.start_at or EPOCH) if self.kind == "interval" else None
        # Only `H` asks for the key: without it, tasks that name the same times share what is known of them.
        key = self.hash_key if self.kind == "cron" and "H" in self.expr.upper() else ""
        return _timeline(self.kind, self.expr, self.timezone, anchor, key)


@lru_cache(maxsize=4096)
def _timeline(kind: str, expr: str, timezone: str, anchor: datetime | None, hash_key: str) -> Timeline:
    if kind == "cron":
        return CronTimeline(parse_cron(expr, hash_key), zone(timezone))
    if kind == "interval":
        return IntervalTimeline(anchor or EPOCH, parse_interval(expr))
    if kind == "once":
        return OnceTimeline(parse_once(expr, zone(timezone)))
    raise InvalidSchedule(UNKNOWN_KIND, field="kind", kind=kind[:40], kinds=", ".join(KINDS))


def upcoming(trigger: Trigger, *, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` fire instants strictly after `after`, fewer when the schedule ends."""
    fires: list[datetime] = []
    while len(fires) < count and (instant := trigger.next_after(fires[-1] if fires else after)) is not None:
        fires.append(instant)
    return fires


def jittered(trigger: Trigger, instant: datetime) -> datetime:
    """Return when the fire at `instant` becomes available: 0 to `jitter` seconds later.

    The same task and instant give the same delay in every process, so two schedulers agree without talking.
    The nominal instant stays the fire's name (ledger, unique key); only `available_at` takes this value.
    """
    if trigger.jitter <= 0:
        return instant
    seed = f"{trigger.hash_key}:{instant.astimezone(UTC).isoformat()}".encode()
    number = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest())
    return instant + timedelta(milliseconds=number % (trigger.jitter * 1000 + 1))
