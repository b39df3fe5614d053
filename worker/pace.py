"""How many tasks a worker gives its runner beyond its slots.

Where tasks take milliseconds, a claim costs as much as several of them, and slots would stand empty while it is made.
So the runner of such a worker has some in stock, which it starts without asking. They go back to the other workers when
slots do not fall free as expected.
"""

from collections.abc import Iterable

#: Seconds that tasks take on average, below which a stock is kept; it is gone within about `_STOCK` times as many.
_QUICK = 0.05
#: The stock in slots.
_STOCK = 5
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
        quick = self._average is not None and self._average < _QUICK
        return self._slots * _STOCK if quick and now >= self._not_before else 0

    def misjudged(self, now: float) -> None:
        """The stock had to wait too long."""
        self._not_before = now + _LESSON
