"""How far ahead of its free slots a worker claims.

Where tasks take milliseconds, a claim costs as much as several of them, and slots would stand empty while it is made.
So such a worker keeps a small stock, and its runner some of it, which it starts without asking. All of it goes back to
the others when slots do not fall free as expected; what the runner does not have is not marked as started either.
"""

from collections.abc import Iterable

#: Seconds that tasks take on average, below which a stock is kept; it is gone within about `_STOCK` times as many.
_QUICK = 0.05
#: The stock in slots.
_STOCK = 6
#: What of it the runner may have.
_QUEUED = 3
#: Seconds after which the stock goes back, and for which none is kept then.
PATIENCE = 0.5
_LESSON = 60.0
#: How much of the average a new task is.
_WEIGHT = 0.1


class Pace:
    """All instants are seconds on the clock's `monotonic`."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._average: float | None = None
        self._not_before = 0.0

    def ended(self, durations: Iterable[float | None]) -> None:
        """Take how long tasks ran, in seconds; None for those that did not."""
        for duration in durations:
            if duration is not None:
                average = self._average if self._average is not None else duration
                self._average = average + (duration - average) * _WEIGHT

    def ahead(self, now: float) -> int:
        """How many more than there are slots may be claimed."""
        return self._slots * _STOCK if self._is_quick(now) else 0

    def queued(self, now: float) -> int:
        """How many more than there are slots the runner may have."""
        return self._slots * _QUEUED if self._is_quick(now) else 0

    def _is_quick(self, now: float) -> bool:
        return self._average is not None and self._average < _QUICK and now >= self._not_before

    def misjudged(self, now: float) -> None:
        """The stock had to wait too long."""
        self._not_before = now + _LESSON
