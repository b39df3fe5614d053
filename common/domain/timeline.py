"""What every kind of schedule can answer: its fire instants, one by one or counted."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

# How a fire came to its instant. "gap": its wall time does not exist, runs right after. "first": its wall time
# comes twice, runs at the first. "again": the second pass of a wall time. "skipped": `skipped`, earlier, fell out.
# "shifted": a calendar moved it here from the day of `skipped`.
How = Literal["", "gap", "first", "again", "skipped", "shifted"]


class Found(NamedTuple):
    """A fire instant (UTC) and the naive wall time it stands for; no wall time for intervals."""

    instant: datetime
    wall: datetime | None = None
    how: How = ""
    skipped: datetime | None = None


class Fires:
    """What follows from `next_after` and `count`, for a schedule with or without a calendar."""

    __slots__ = ()

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first fire instant strictly after `instant`, in UTC; None when it never fires again."""
        raise NotImplementedError

    def count(self, after: datetime, until: datetime) -> int:
        """Return the number of fire instants in (after, until]."""
        raise NotImplementedError

    def newest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the last `limit` fire instants in (after, until], oldest first.

        Halves the span by counting until it holds no more than asked for: a dozen counts, then `limit` steps.
        """
        start, late = after, until
        if self.count(start, until) > limit:
            while late - start > timedelta(seconds=1):
                middle = start + (late - start) / 2
                if self.count(middle, until) >= limit:
                    start = middle
                else:
                    late = middle
        return self.between(start, until)[-limit:] if limit > 0 else []

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Return every fire instant in (after, until]; ask `count` first."""
        fires: list[datetime] = []
        instant = self.next_after(after)
        while instant is not None and instant <= until:
            fires.append(instant)
            instant = self.next_after(instant)
        return fires


class Timeline(Protocol):
    """A strictly increasing sequence of UTC instants."""

    def next(self, instant: datetime) -> Found | None:
        """Return the first fire strictly after `instant`."""
        ...

    def count(self, after: datetime, until: datetime) -> int:
        """Return how many fires lie in (after, until], without walking them."""
        ...
