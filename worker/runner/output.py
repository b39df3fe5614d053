"""What is kept of a task's output: the first and the last part of each stream, and pieces to show while it runs."""

from base64 import b64encode
from typing import Any

TRIM_SLACK = 256 << 10  # trimming a tail moves it in memory; do so every 256 KiB, not at every read
MERGE_WINDOW = 0.1  # seconds; reads of one stream closer than this become one piece
MAX_MARKS = 1000  # kept per task of when its output came; beyond, they are taken wider apart
MAX_PIECES = 1000  # held per task between two sendings; more are left to the final result


class Capture:
    """One stream: the first half and the last half of `cap` bytes; the middle is counted and dropped."""

    def __init__(self, cap: int) -> None:
        self.head = bytearray()
        self.total = 0
        self._tail = bytearray()
        self._head_room = cap // 2
        self._tail_room = cap - self._head_room

    def add(self, data: bytes) -> int:
        """Takes what was read; returns how many bytes of it went into the head."""
        self.total += len(data)
        taken = min(self._head_room - len(self.head), len(data))
        if taken:
            self.head += data[:taken]
        if taken < len(data):
            self._tail += data[taken:] if taken else data
            if len(self._tail) > self._tail_room + TRIM_SLACK:
                del self._tail[: -self._tail_room or None]
        return taken

    def kept(self) -> bytes:
        """Returns head and tail, one after the other."""
        tail = self._tail[-self._tail_room :] if self._tail_room else b""
        return bytes(self.head + tail)

    def cut(self) -> list[int] | None:
        """Returns where the middle was dropped and how many bytes of it, or None when all is there."""
        dropped = self.total - len(self.head) - min(len(self._tail), self._tail_room)
        return [len(self.head), dropped] if dropped else None

    @property
    def beyond_head(self) -> bool:
        """Whether output has gone past the part that is shown live."""
        return self.total > len(self.head)


class Live:
    """Remembers in which order pieces of both streams came. Holds positions; the bytes stay in the heads."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, str, int, int, float]] = []  # seq, stream, offset, length, seconds since start
        self._seq = 0

    def add(self, stream: str, offset: int, length: int, at: float) -> None:
        """Notes a piece of a head: its stream ("o" or "e"), where it begins, its bytes, seconds since the start."""
        if self._pieces:
            seq, before, begin, size, since = self._pieces[-1]
            if before == stream and begin + size == offset and at - since < MERGE_WINDOW:
                self._pieces[-1] = (seq, stream, begin, size + length, since)
                return
        self._seq += 1
        if len(self._pieces) < MAX_PIECES:
            self._pieces.append((self._seq, stream, offset, length, at))

    def take(self, streams: dict[str, Capture]) -> list[list[Any]]:
        """Returns the pieces noted since the last call as the protocol has them, and forgets them."""
        pieces, self._pieces = self._pieces, []
        return [
            [seq, stream, offset, round(at, 3), text(streams[stream].head[offset : offset + length])]
            for seq, stream, offset, length, at in pieces
        ]


class Timing:
    """Remembers when which stream went on: [stream, bytes of it before, seconds since the start], in order."""

    def __init__(self) -> None:
        self.marks: list[list[Any]] = []
        self._window = MERGE_WINDOW
        self._last: dict[str, float] = {}  # stream -> seconds of its newest mark

    def add(self, stream: str, offset: int, at: float) -> None:
        """Notes that `stream` goes on at this offset."""
        follows = bool(self.marks) and self.marks[-1][0] == stream
        if (follows or self._window > MERGE_WINDOW) and at - self._last.get(stream, -1e9) < self._window:
            return
        self._last[stream] = at
        self.marks.append([stream, offset, round(at, 3)])
        while len(self.marks) > MAX_MARKS:
            self._thin()

    def _thin(self) -> None:
        self._window *= 2
        kept: list[list[Any]] = []
        last: dict[str, float] = {}
        for mark in self.marks:
            if mark[2] - last.get(mark[0], -1e9) >= self._window:
                last[mark[0]] = mark[2]
                kept.append(mark)
        self.marks = kept


def text(data: bytes | bytearray) -> str:
    """Returns bytes as base64 text for JSON."""
    return b64encode(data).decode("ascii")
