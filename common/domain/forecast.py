"""How many runs will go on at the same time: from coming instants and how long runs usually take."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

#: Runs nobody knows the length of count as so many seconds.
SHORTEST = 1.0


@dataclass(frozen=True, slots=True)
class Coming:
    """A coming run of a task: when it starts, in which queue, and how long it is expected to take."""

    at: datetime
    task_id: int
    queue: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of time: how many runs start in it, and the most that go on at one moment."""

    start: datetime
    starts: int
    peak: int


def expected(durations: Sequence[float]) -> float | None:
    """How long a run is expected to take: the median of those before; None when there were none."""
    return median(durations) if durations else None


def buckets(runs: Iterable[Coming], *, start: datetime, width: timedelta, count: int) -> list[Bucket]:
    """The load in `count` stretches of `width` from `start` on; `runs` are sorted by time."""
    starts, peaks = [0] * count, [0] * count
    ends: list[datetime] = []
    here = 0
    for run in runs:
        index = (run.at - start) // width
        if not 0 <= index < count:
            continue
        here = _pass(ends, run.at, start, width, here, index, peaks)
        heapq.heappush(ends, run.at + timedelta(seconds=max(run.seconds or 0.0, SHORTEST)))
        starts[index] += 1
        peaks[index] = max(peaks[index], len(ends))
    _pass(ends, start + width * count, start, width, here, count, peaks)
    return [Bucket(start + width * index, starts[index], peaks[index]) for index in range(count)]


def _pass(
    ends: list[datetime], until: datetime, start: datetime, width: timedelta, here: int, index: int, peaks: list[int]
) -> int:
    """End what ends by `until`; what goes on into a later stretch counts there. Returns the stretch of `until`."""
    for later in range(here + 1, min(index, len(peaks) - 1) + 1):
        edge = start + width * later
        while ends and ends[0] <= edge:
            heapq.heappop(ends)
        if not ends:
            break
        peaks[later] = max(peaks[later], len(ends))
    while ends and ends[0] <= until:
        heapq.heappop(ends)
    return index
