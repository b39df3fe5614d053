"""How often something may be tried: a stock of tries that fills up again, kept as one instant.

`used_until` is when the stock will be full again. Each try moves it on by `every` seconds; when it lies further ahead
than the whole stock is worth, there is none left. (Known as GCRA, or as a leaky bucket.)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil


@dataclass(frozen=True, slots=True)
class Allowance:
    """`stock` tries at once, and one more every `every` seconds."""

    stock: int
    every: float

    def wait(self, used_until: datetime | None, now: datetime) -> int:
        """Seconds until the next try is allowed, rounded up; 0 when it is allowed now."""
        if used_until is None:
            return 0
        ahead = (used_until - now).total_seconds() - (self.stock - 1) * self.every
        return max(0, ceil(ahead))

    def taken(self, used_until: datetime | None, now: datetime) -> datetime:
        """`used_until` after one try."""
        return max(used_until or now, now) + timedelta(seconds=self.every)

    def given_back(self, used_until: datetime) -> datetime:
        """`used_until` when a try turns out not to count."""
        return used_until - timedelta(seconds=self.every)
