"""The output while it comes, as lines for programs; a broken connection goes on where it stopped.

The id of an event says which attempt it is of and how many lines of stdout and of stderr have been sent, so that a
client which connects again says where to go on (`Last-Event-ID`), and no line comes twice or is left out.
"""

import json
import re
from dataclasses import dataclass, field

from fastapi.sse import format_sse_event

from api.following import Following
from common.db.session import ReadSession
from common.db.types import Record
from common.services import output
from common.services.output import Output

#: Lines that an event holds at most.
BATCH = 1000
_STREAMS = {False: "stdout", True: "stderr"}
_ID = re.compile(r"(\d{1,9})-(\d{1,15})-(\d{1,15})", re.ASCII)


def place_of(last_event_id: str, token: int) -> dict[bool, int]:
    """How many lines of each stream (False: stdout) somebody has of this attempt, by the last event they saw."""
    match = _ID.fullmatch(last_event_id)
    if match is None or int(match[1]) != token:
        return {False: 0, True: 0}
    return {False: int(match[2]), True: int(match[3])}


@dataclass
class Lines(Following):
    """One client; `sent` is how many lines of each stream it has."""

    sent: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})

    async def news(self, session: ReadSession, row: Record) -> bytes:
        """The next lines that are finished."""
        there = await output.of_attempt(session, row, self.token)
        return await self._next(session, there, there.unfinished)

    async def last(self, session: ReadSession, row: Record | None) -> tuple[bytes, bool]:
        """What is left of the lines, and then the end with the state it ended in."""
        if row is None:
            return format_sse_event(event="end", data_str="{}"), True
        there = await output.of_attempt(session, row, self.token)
        if lines := await self._next(session, there, frozenset()):
            return lines, False
        return format_sse_event(event="end", data_str=_json({"attempt": self.token, "status": row.status})), True

    async def _next(self, session: ReadSession, there: Output, unfinished: frozenset[bool]) -> bytes:
        found: list[dict[str, object]] = []
        for err, name in _STREAMS.items():
            begin = self.sent[err]
            end = min(there.streams[err].count - (err in unfinished), begin + BATCH - len(found))
            if end <= begin:
                continue
            texts = await there.streams[err].read(session, begin, end)
            found += [{"number": number, "stream": name, "text": text} for number, text in enumerate(texts, begin + 1)]
            self.sent[err] = begin + len(texts)
        self.behind = len(found) >= BATCH
        if not found:
            return b""
        place = f"{self.token}-{self.sent[False]}-{self.sent[True]}"
        return format_sse_event(event="lines", data_str=_json({"attempt": self.token, "lines": found}), id=place)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
