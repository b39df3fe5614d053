"""Which lines of a long output are shown: by stream, level and time, found by what they say. Works batch by batch."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.domain.logs import LEVELS, level_of
from common.domain.timing import Segment

#: Lines remembered in which something was found; more are counted.
MOST_HITS = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What to show: one stream ("stdout", "stderr") or "both", a level and worse, seconds since the start, a text."""

    stream: str = "both"
    level: str = ""
    since: float | None = None
    until: float | None = None
    find: str = ""

    @property
    def filters(self) -> bool:
        """Whether lines are left out by what they say."""
        return bool(self.level)

    def of(self, segments: Sequence[Segment]) -> list[Segment]:
        """The segments of the streams and the time it asks for. Where nothing is known of times, all of them."""
        return [segment for segment in segments if self._wants(segment)]

    def _wants(self, segment: Segment) -> bool:
        if self.stream != "both" and segment.err != (self.stream == "stderr"):
            return False
        if segment.at is None:
            return True
        return (self.since is None or segment.at >= self.since) and (self.until is None or segment.at <= self.until)


@dataclass(slots=True)
class Survey:
    """What going through the lines has found. `shown` are the numbers (from 0) of lines that match, None = all."""

    wish: Wish
    total: int = 0
    shown: "array[int] | None" = None
    #: Lines with what was searched for, by their place among those shown; at most MOST_HITS of them.
    hits: list[int] = field(default_factory=list)
    found: int = 0
    _levels: dict[bool, int] = field(default_factory=lambda: {False: -1, True: LEVELS.index("ERROR")})

    def __post_init__(self) -> None:
        if self.wish.filters:
            self.shown = array("L")

    @property
    def count(self) -> int:
        """How many lines are shown."""
        return self.total if self.shown is None else len(self.shown)

    def take(self, err: bool, lines: Sequence[str]) -> None:
        """Look at the next lines of one stream, as a reader sees them.

        A line without a word for its level has that of the line before it on its stream. What is written to stderr
        without any counts as an error.
        """
        least = LEVELS.index(self.wish.level) if self.wish.level else -1
        needle = self.wish.find.lower()
        for text in lines:
            number, self.total = self.total, self.total + 1
            if self.shown is not None:
                level = level_of(text)
                if level is not None:
                    self._levels[err] = level
                if self._levels[err] < least:
                    continue
                self.shown.append(number)
            if needle and (times := text.lower().count(needle)):
                self.found += times
                if len(self.hits) < MOST_HITS:
                    self.hits.append(number if self.shown is None else len(self.shown) - 1)

    def skip(self, count: int) -> None:
        """Pass over lines of which it is known that nothing is to be found in them, where all lines are shown."""
        self.total += count
