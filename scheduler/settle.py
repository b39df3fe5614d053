"""Settling: what follows from finished executions. Now: what waited for them is queued."""

from dataclasses import dataclass

from common.clock import Clock
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, longest_wait, notify, poll_interval
from common.queue import waiting

_BATCH = 200


@dataclass
class Settle:
    """The tick that lets waiting executions go on."""

    database: Database
    clock: Clock

    async def tick(self) -> float:
        """Promote one batch; returns the seconds to wait."""
        async with self.database.read() as session:
            if not await waiting.any_waiting(session):
                return longest_wait(self.database)
        promoted = await self.database.transact(self._promote)
        return 0 if promoted == _BATCH else poll_interval(self.database)

    async def _promote(self, session: WriteSession) -> int:
        promoted = await waiting.promote(session, now=await self.clock.now(session), limit=_BATCH)
        if promoted:
            await notify(session, Topic.QUEUE)
        return promoted
