"""The output while it comes, as server-sent events that go on where a broken connection stopped.

The id of an event is how many lines have been sent, so a browser that connects again says where to go on
(`Last-Event-ID`), and nothing comes twice or is left out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from api.formats import Locale
from api.live import Live
from api.pages.output import WINDOW, LogQuery, shown_lines
from api.rendering import environment
from common.clock import Clock
from common.db.session import Database, ReadSession
from common.domain.states import Status
from common.domain.terminal import plain
from common.domain.transcript import Survey
from common.errors import NotFound
from common.services import executions, output
from common.services.output import Output

#: Seconds between two looks for new lines.
_LOOK = 0.5
#: Seconds without a line after which a comment shows that the connection lives.
_PING = 15.0
#: Seconds after which the browser is to connect again: its sign-in is checked with every connection.
_LONGEST = 120.0
#: Milliseconds that a browser waits before it connects again.
_RETRY = 1000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass
class Follower:
    """One browser that looks at one attempt; `after` is how many lines it has, before any filter."""

    database: Database
    clock: Clock
    live: Live
    user_id: int
    query: LogQuery
    execution_id: int
    token: int
    after: int
    locale: Locale

    def response(self) -> StreamingResponse:
        """The answer to a request for the stream."""
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=_HEADERS)

    async def _events(self) -> AsyncIterator[bytes]:
        yield format_sse_event(comment="here", retry=_RETRY)
        with self.live.taking(self.user_id):
            async for event in self._found():
                yield event

    async def _found(self) -> AsyncIterator[bytes]:
        begun = spoken = self.clock.monotonic()
        survey = Survey(self.query.wish)
        said = ""
        while self.clock.monotonic() < begun + _LONGEST:
            async with self.database.read() as session:
                rows = await self._look(session, survey)
            if rows is None:
                yield format_sse_event(event="end", data_str="")
                return
            if rows and rows != said:  # an open line that has not grown is sent once
                spoken, said = self.clock.monotonic(), rows
                yield format_sse_event(data_str=rows, id=str(self.after))
            elif self.clock.monotonic() > spoken + _PING:
                spoken = self.clock.monotonic()
                yield format_sse_event(comment="still here")
            if not await self.live.rest(_LOOK):
                return

    async def _look(self, session: ReadSession, survey: Survey) -> str | None:
        """What has come since the last look, as rows; None when the attempt has ended, or must not be seen."""
        try:
            row = await executions.get(session, self.execution_id)
        except NotFound:
            return None
        if row.status != Status.RUNNING or row.token != self.token:
            return None
        there = await output.of_attempt(session, row, self.token)
        finished = there.finished(self.query.wish)
        fresh = finished > self.after
        if not fresh and not there.unfinished:
            return ""
        rows = await self._rows(session, there, finished, survey)
        self.after = finished
        return rows

    async def _rows(self, session: ReadSession, there: Output, finished: int, survey: Survey) -> str:
        wish = self.query.wish
        missed = max(0, finished - WINDOW - self.after)
        numbers = range(self.after + missed, finished + len(there.unfinished))
        found = await there.read(session, wish, numbers)
        if survey.shown is not None:
            survey.total = self.after + missed
            known = len(survey.shown)
            for _number, segment, text in found:
                survey.take(segment.err, [plain(text)])
            passed = set(survey.shown[known:])
            found = [each for each in found if each[0] in passed]
        lines = list(shown_lines(found, self.query, self.locale, finished=finished))
        module = environment().get_template("executions/_lines.html").make_module({"locale": self.locale})
        return str(module.lines(lines, timed=True, missed=missed))  # type: ignore[attr-defined]
