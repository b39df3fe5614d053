"""What every kind of schedule can answer: its fire instants, one by one or counted."""

from datetime import datetime
from typing import Literal, NamedTuple, Protocol

# How a fire came to its instant. "gap": its wall time does not exist, runs right after. "first": its wall time
# comes twice, runs at the first. "again": the second pass of a wall time. "skipped": `skipped`, earlier, fell out.
How = Literal["", "gap", "first", "again", "skipped"]


class Found(NamedTuple):
    """A fire instant (UTC) and the naive wall time it stands for; no wall time for intervals."""

    instant: datetime
    wall: datetime | None = None
    how: How = ""
    skipped: datetime | None = None


class Timeline(Protocol):
    """A strictly increasing sequence of UTC instants."""

    def next(self, instant: datetime) -> Found | None:
        """Return the first fire strictly after `instant`."""
        ...

    def count(self, after: datetime, until: datetime) -> int:
        """Return how many fires lie in (after, until], without walking them."""
        ...
