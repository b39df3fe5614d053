"""The scheduler's sign of life: what `/health` and the pages show."""

import os
from dataclasses import dataclass, field
from uuid import uuid4

import structlog
from sqlalchemy import delete, insert, update

from common import process
from common.clock import Clock
from common.db.models import Scheduler, table_of
from common.db.session import Database, WriteSession
from common.services import facts
from common.version import __version__

S = table_of(Scheduler)
INTERVAL = 5.0
log = structlog.get_logger()


@dataclass
class Heartbeat:
    """The tick that says this scheduler is at work."""

    database: Database
    clock: Clock
    id: str = field(default_factory=lambda: uuid4().hex)

    async def tick(self) -> float:
        """Write the sign of life; returns the seconds to wait."""
        await self.database.transact(self._beat)
        return INTERVAL

    async def _beat(self, session: WriteSession) -> None:
        now = await self.clock.now(session)
        seen = await session.execute(update(S).where(S.c.id == self.id).values(heartbeat_at=now))
        if seen.rowcount != 1:  # type: ignore[attr-defined]
            me = {"id": self.id, "host": process.host(), "pid": os.getpid(), "version": __version__}
            await session.execute(insert(S).values(**me, started_at=now, heartbeat_at=now))
        if gap := await facts.beat(session, now=now):
            log.warning("no scheduler was at work", seconds=round(gap.total_seconds(), 1))

    async def leave(self) -> None:
        """Take the row away at an orderly end, so that nobody waits for a sign that will not come."""

        async def gone(session: WriteSession) -> None:
            await session.execute(delete(S).where(S.c.id == self.id))
            await facts.beat(session, now=await self.clock.now(session))

        await self.database.transact(gone)
