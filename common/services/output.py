"""The output of an attempt, read in parts: of a hundred megabytes only what is shown leaves the database.

What is short stands in the row of the execution or the attempt. What is long, no text, or still coming lies in pieces
that know how many lines they hold, so that the pieces with a line are found without reading the others.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from common.db.session import Database, ReadSession
from common.db.types import Record
from common.domain.states import Status
from common.domain.terminal import plain
from common.domain.timing import Segment, segments
from common.domain.transcript import Survey, Wish
from common.queries import executions as queries

#: Lines that are read at a time when all of them are looked at.
BATCH = 20_000
#: Pieces that one query reads at most.
_PIECES = 64
#: Pieces of a download that are in memory at a time.
_FEW = 4


class TextLines:
    """A stream that stands in a row."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        if not self._lines[-1]:
            self._lines.pop()
        self.count = len(self._lines)

    async def read(self, session: ReadSession, start: int, stop: int) -> list[str]:
        """Lines from `start` to before `stop`."""
        return self._lines[start:stop]


class PieceLines:
    """A stream that lies in pieces."""

    def __init__(self, execution_id: int, token: int, pieces: Sequence[tuple[int, int]], *, open_end: bool) -> None:
        self._key = (execution_id, token)
        self._seqs = [seq for seq, _ in pieces]
        #: Line feeds until the end of each piece.
        self._ends = list(accumulate(lines for _, lines in pieces))
        self.count = (self._ends[-1] if self._ends else 0) + open_end

    async def read(self, session: ReadSession, start: int, stop: int) -> list[str]:
        """Lines from `start` to before `stop`."""
        stop = min(stop, self.count)
        if start >= stop:
            return []
        # A line begins after the line feed before it, wherever that lies, and ends with its own.
        first = bisect_left(self._ends, start) if start else 0
        last = min(bisect_left(self._ends, stop), len(self._seqs) - 1)
        before = self._ends[first - 1] if first else 0
        data = b""
        for begin in range(first, last + 1, _PIECES):
            seqs = self._seqs[begin : min(begin + _PIECES, last + 1)]
            found = await queries.piece_data(session, *self._key, seqs)
            data += b"".join(found.get(seq, b"") for seq in seqs)
        lines = data.split(b"\n")[start - before : stop - before]
        return [line.decode("utf-8", "replace").replace("\x00", "\u2400") for line in lines]


@dataclass(frozen=True)
class Output:
    """Both streams of one attempt, and in which order what was written came."""

    streams: dict[bool, TextLines | PieceLines]
    segments: list[Segment]
    #: Streams whose last line is still being written; such lines come last.
    unfinished: frozenset[bool] = frozenset()

    def finished(self, wish: Wish) -> int:
        """How many lines of those that `wish` is about are complete, whatever it looks for in them."""
        mine = wish.of(self.segments)
        return sum(each.stop - each.start for each in mine) - len(self.unfinished & {each.err for each in mine})

    async def survey(self, session: ReadSession, wish: Wish) -> Survey:
        """Go through what `wish` is about: count it, and find what it looks for. All lines only where it must."""
        survey = Survey(wish)
        looking = bool(wish.find or wish.filters)
        for segment in wish.of(self.segments):
            if not looking:
                survey.skip(segment.stop - segment.start)
                continue
            for start in range(segment.start, segment.stop, BATCH):
                lines = await self.streams[segment.err].read(session, start, min(start + BATCH, segment.stop))
                survey.take(segment.err, [plain(line) for line in lines])
        return survey

    async def read(self, session: ReadSession, wish: Wish, numbers: Sequence[int]) -> list[tuple[int, Segment, str]]:
        """The lines with these numbers (from 0, in the order of `wish`, ascending): number, segment, text."""
        found = []
        wanted = iter(numbers)
        number = next(wanted, None)
        base = 0
        for segment in wish.of(self.segments):
            size = segment.stop - segment.start
            mine = []
            while number is not None and number < base + size:
                mine.append(number)
                number = next(wanted, None)
            if mine:
                shift = segment.start - base
                begin, end = mine[0] + shift, mine[-1] + shift + 1
                lines = await self.streams[segment.err].read(session, begin, end)
                found += [
                    (each, segment, lines[each + shift - begin]) for each in mine if each + shift - begin < len(lines)
                ]
            base += size
            if number is None:
                break
        return found


async def of_attempt(session: ReadSession, execution: Record, token: int | None = None) -> Output:
    """The output of one attempt of an execution, by default the newest; what has come so far while it runs."""
    token = token or execution.token
    index = await queries.piece_index(session, execution.id, token)
    running = execution.status == Status.RUNNING and token == execution.token
    if running:
        return await _in_pieces(session, execution.id, token, index, live=True, marks=[])
    row = await _row(session, execution, token)
    marks = (row.timing if row else None) or []
    if index:
        return await _in_pieces(session, execution.id, token, index, live=False, marks=marks)
    texts = {False: TextLines(row.stdout or "" if row else ""), True: TextLines(row.stderr or "" if row else "")}
    return Output(dict(texts), segments(marks, {"o": texts[False].count, "e": texts[True].count}))


async def _in_pieces(
    session: ReadSession, execution_id: int, token: int, index: Sequence[Record], *, live: bool, marks: Sequence[Any]
) -> Output:
    counted = await _counted(session, execution_id, token, index)
    streams: dict[bool, TextLines | PieceLines] = {}
    for err, stream in ((False, "o"), (True, "e")):
        mine = [row for row in index if row.stream == stream]
        last = await queries.piece_data(session, execution_id, token, [mine[-1].seq]) if mine else {}
        open_end = any(data and not data.endswith(b"\n") for data in last.values())
        pieces = [(row.seq, counted[row.seq]) for row in mine]
        streams[err] = PieceLines(execution_id, token, pieces, open_end=open_end)
    if live:
        return _as_it_came(index, counted, streams)
    return Output(streams, segments(marks, {"o": streams[False].count, "e": streams[True].count}))


async def _counted(session: ReadSession, execution_id: int, token: int, index: Sequence[Record]) -> dict[int, int]:
    """Line feeds of each piece; those that were stored before they were counted are read."""
    unknown = [row.seq for row in index if row.lines is None]
    found = {row.seq: row.lines for row in index}
    for begin in range(0, len(unknown), _PIECES):
        data = await queries.piece_data(session, execution_id, token, unknown[begin : begin + _PIECES])
        found |= {seq: each.count(b"\n") for seq, each in data.items()}
    return found


def _as_it_came(
    index: Sequence[Record], counted: dict[int, int], streams: dict[bool, TextLines | PieceLines]
) -> Output:
    """Lines in the order they were finished; what is not finished comes last."""
    found: list[Segment] = []
    ends = {False: 0, True: 0}
    for row in index:
        err, lines = row.stream == "e", counted[row.seq]
        if not lines:
            continue
        start, ends[err] = ends[err], ends[err] + lines
        if found and found[-1].err == err and found[-1].at == row.at:
            start = found.pop().start
        found.append(Segment(err, start, ends[err], row.at))
    at = index[-1].at if index else 0.0
    unfinished = frozenset(err for err in (False, True) if ends[err] < streams[err].count)
    found += [Segment(err, ends[err], streams[err].count, at) for err in sorted(unfinished)]
    return Output(streams, found, unfinished)


async def raw(database: Database, execution: Record, token: int, stream: str) -> AsyncIterator[bytes]:
    """The bytes of "stdout", "stderr" or "both" as far as they were kept, a few pieces at a time.

    Each in a transaction of its own: who downloads slowly holds none open.
    """
    letters = {"stdout": "o", "stderr": "e"}.get(stream, "oe")
    async with database.read() as session:
        index = await queries.piece_index(session, execution.id, token)
        row = None if index else await _row(session, execution, token)
    if row is not None:
        yield "".join((row.stdout if each == "o" else row.stderr) or "" for each in letters).encode()
    seqs = [each.seq for each in index if each.stream in letters]
    for begin in range(0, len(seqs), _FEW):
        few = seqs[begin : begin + _FEW]
        async with database.read() as session:
            found = await queries.piece_data(session, execution.id, token, few)
        yield b"".join(found.get(seq, b"") for seq in few)


async def _row(session: ReadSession, execution: Record, token: int) -> Record | None:
    """What stands in the row of an attempt, or of the execution for its newest."""
    earlier = token != execution.token or execution.status == Status.QUEUED
    row = await queries.recorded_attempt(session, execution.id, token) if earlier else None
    return row or await queries.recorded(session, execution.id)
