"""Looking at the output of an attempt while it comes, for as long as one connection may last: server-sent events.

Who reads slowly is waited for by nobody but this stream: nothing is read ahead for it, and no transaction is open while
something is sent. Who has gone is noticed by the server, which ends the stream.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from api.live import Live
from common.clock import Clock
from common.db.session import Database, ReadSession
from common.db.types import Record
from common.domain.states import Status
from common.errors import NotFound
from common.services import executions

#: Seconds between two looks for new lines.
LOOK = 0.5
#: Seconds without a line after which a comment shows that the connection lives.
PING = 15.0
#: Seconds after which the other side is to connect again: its sign-in is checked with every connection.
LONGEST = 120.0
#: Milliseconds that it waits before it does.
_RETRY = 1000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass
class Following(ABC):
    """One reader of one attempt."""

    database: Database
    clock: Clock
    live: Live
    user_id: int
    execution_id: int
    token: int
    #: There is more to send than one event should hold.
    behind: bool = field(default=False, init=False)

    @abstractmethod
    async def news(self, session: ReadSession, row: Record) -> bytes:
        """What has come since the last look, as events; nothing where nothing has. The attempt runs."""

    @abstractmethod
    async def last(self, session: ReadSession, row: Record | None) -> tuple[bytes, bool]:
        """What there is to send once the attempt does not run (None: must not be seen), and whether that is all."""

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
        over = False
        while not over and self.clock.monotonic() < begun + LONGEST:
            async with self.database.read() as session:
                row = await self._row(session)
                runs = row is not None and row.status == Status.RUNNING and row.token == self.token
                if row is not None and runs:
                    found = await self.news(session, row)
                else:
                    found, over = await self.last(session, row)
            if found:
                spoken = self.clock.monotonic()
                yield found
            elif self.clock.monotonic() > spoken + PING:
                spoken = self.clock.monotonic()
                yield format_sse_event(comment="still here")
            if not over and not await self.live.rest(0 if self.behind else LOOK):
                return

    async def _row(self, session: ReadSession) -> Record | None:
        try:
            return await executions.get(session, self.execution_id)
        except NotFound:
            return None
