"""The output while it comes, as rows of a page; a broken connection goes on where it stopped.

The id of an event is how many lines have been sent, so a browser that connects again says where to go on
(`Last-Event-ID`), and nothing comes twice or is left out.
"""

from dataclasses import dataclass, field

from fastapi.sse import format_sse_event

from api.following import Following
from api.formats import Locale
from api.pages.output import WINDOW, LogQuery, shown_lines
from api.rendering import environment
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.terminal import plain
from common.domain.transcript import Survey
from common.services import output
from common.services.output import Output


@dataclass
class Follower(Following):
    """One browser; `after` is how many lines it has, before any filter."""

    query: LogQuery
    after: int
    locale: Locale
    _survey: Survey = field(init=False)
    _said: str = ""

    def __post_init__(self) -> None:
        self._survey = Survey(self.query.wish)

    async def news(self, session: ReadSession, row: Record) -> bytes:
        """New lines, and one that is not finished and has grown."""
        there = await output.of_attempt(session, row, self.token)
        finished = there.finished(self.query.wish)
        if finished <= self.after and not there.unfinished:
            return b""
        rows = await self._rows(session, there, finished)
        self.after = finished
        if not rows or rows == self._said:
            return b""
        self._said = rows
        return format_sse_event(data_str=rows, id=str(self.after))

    async def last(self, session: ReadSession, row: Record | None) -> tuple[bytes, bool]:
        """The end: the page asks for all of it again."""
        return format_sse_event(event="end", data_str=""), True

    async def _rows(self, session: ReadSession, there: Output, finished: int) -> str:
        wish, survey = self.query.wish, self._survey
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
