"""When which stream of an output went on: marks, kept small however long a task speaks.

A mark is `[stream, line, seconds]`: from this line (counted from 0) of this stream ("o" stdout, "e" stderr) on, what
was written came at `seconds` after the start, until the next mark. In the order they came, so that the two streams can
be shown as they were written: one among the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Mark = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a stream: its bytes, of how many in all, and where its middle was dropped, if it was."""

    data: bytes
    total: int
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Lines of one stream that came together: from `start` to before `stop`, at seconds since the start if known."""

    err: bool
    start: int
    stop: int
    at: float | None


def in_lines(marks: Iterable[Mark], streams: Mapping[str, Kept]) -> list[list[Any]]:
    """Marks by lines, from the runner's, which are by bytes: `[stream, bytes before it, seconds]`.

    A line begun before a mark and ended after it belongs to the mark before. Where the middle of a stream was dropped
    two lines stand in for it: the one that was cut, and the one that says so.
    """
    found: list[list[Any]] = []
    newest: dict[str, tuple[int, int]] = {}  # stream -> where the count has come to, lines until there
    last: dict[str, list[Any]] = {}
    for stream, offset, at in marks:
        kept = streams[stream]
        position, extra = _position(kept, offset)
        begin, counted = newest.get(stream, (0, 0))
        counted += kept.data.count(b"\n", begin, position)
        newest[stream] = (max(begin, position), counted)
        open_line = position > 0 and kept.data[position - 1 : position] != b"\n" and position != kept.cut
        line = counted + extra + open_line
        mark = last.get(stream)
        if mark is not None and mark[1] >= line:
            continue  # nothing begins between the two, or both lie in what was dropped
        last[stream] = [stream, line, at]
        found.append(last[stream])
    return found


def _position(kept: Kept, offset: int) -> tuple[int, int]:
    """Where in the kept bytes a byte of the stream lies, and how many lines were put in before it."""
    if kept.cut is None or offset < kept.cut:
        return min(offset, len(kept.data)), 0
    return max(kept.cut, len(kept.data) - (kept.total - offset)), 2


def segments(marks: Sequence[Mark], lines: Mapping[str, int]) -> list[Segment]:
    """An output of so many lines a stream, in the order it came. Without marks stdout comes first, then stderr."""
    ends = dict(lines)
    found: list[Segment] = []
    for stream, line, at in reversed(marks):
        stop = ends.get(stream, 0)
        start = min(line, stop)
        if start < stop:
            found.append(Segment(stream == "e", start, stop, at))
        ends[stream] = start
    at = 0.0 if marks else None
    found += [Segment(stream == "e", 0, ends[stream], at) for stream in ("e", "o") if ends.get(stream)]
    found.reverse()
    return found
