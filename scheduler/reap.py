"""Reaping: executions whose worker gives no sign of life are taken away."""

from dataclasses import dataclass

import structlog

from common.clock import Clock
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, notify
from common.queue import leases

log = structlog.get_logger()
_BATCH = 200


@dataclass
class Reap:
    """The tick that takes lapsed leases away. `heartbeat` and `lease` are the workers' settings, in seconds.

    After its own start, and after a gap in its own looks at the database (a frozen machine, a database that was
    away), it first waits one heartbeat and a little, so that workers that were cut off with it can renew.
    """

    database: Database
    clock: Clock
    heartbeat: float
    lease: float
    _last: float | None = None
    _not_before: float = 0.0

    async def tick(self) -> float:
        """Take away one batch; returns the seconds to wait."""
        interval = min(2.0, self.lease / 12)
        async with self.database.read() as session:
            lapsed = await leases.any_lapsed(session, now=await self.clock.now(session))
        # Only now: a look that failed is none, however often it was tried while the database was away.
        mono = self.clock.monotonic()
        if self._last is None or mono - self._last > max(1.5 * self.heartbeat, 3 * interval):
            self._not_before = mono + self.heartbeat + min(5.0, self.heartbeat / 2)
        self._last = mono
        if mono < self._not_before:
            return min(interval, self._not_before - mono)
        if not lapsed:
            return interval
        taken = await self.database.transact(self._reap)
        return 0 if taken == _BATCH else interval

    async def _reap(self, session: WriteSession) -> int:
        keys = await leases.reap(session, now=await self.clock.now(session), limit=_BATCH)
        if keys:
            log.warning("leases lapsed", executions=[key[0] for key in keys])
            await notify(session, Topic.QUEUE, Topic.ENDED)
        return len(keys)
