"""Signs of life, and comparing what the database says with what the runner has.

Every few seconds all leases are renewed, and everything is compared; so it is whenever a runner says hello. Every
second, and whenever something was written, it is only read what shall be stopped.
"""

from dataclasses import dataclass, field
from datetime import datetime

import psutil
import structlog
from sqlalchemy import select, tuple_

from common.clock import Clock
from common.config import Settings
from common.db.session import Database, WriteSession
from common.domain.states import Status
from common.process import pause
from common.queue import claims, leases
from common.queue.claims import Key
from common.queue.leases import Held
from common.queue.transitions import E
from worker.book import Book
from worker.claim import deadline
from worker.identity import Identity
from worker.runner_client import RunnerClient

log = structlog.get_logger()

_LOOK = 1.0
#: Least seconds between two looks: in a flood every commit wakes us.
_LEAST = 0.05
GONE = "the worker was restarted, and its runner does not know this execution"


@dataclass(slots=True)
class Heart:
    """The bodies of the loops `heartbeat` and `look`."""

    database: Database
    clock: Clock
    settings: Settings
    identity: Identity
    generation: int
    book: Book
    runner: RunnerClient
    #: Run on although their lease was taken away: nobody else has them, and a late result is welcome.
    _late: set[Key] = field(default_factory=set)
    _beaten: bool = False

    async def beat(self) -> float:
        """Renew every lease and tell the runner; raises leases.Superseded."""
        before = self.book.all()
        leased = self.clock.monotonic()
        held, asked = await self.database.transact(self._renew)
        self.book.hold_back(asked)
        active = self.book.renewed([item.key for item in held], leased)
        if active:
            until = deadline(leased, self.settings.lease)
            self.runner.renew([(key, until) for key in active])
        await self._compare(held, before)
        return self.settings.heartbeat

    async def _renew(self, session: WriteSession) -> tuple[list[Held], bool]:
        memory = psutil.virtual_memory()
        held = await leases.renew(
            session,
            worker_id=self.identity.id,
            generation=self.generation,
            lease=self.settings.lease,
            now=await self.clock.now(session),
            running=len(self.book.active),
            draining=self.book.draining,
            runner_pid=self.runner.pid,
            limits=self.runner.limits,
            taken_over=self.runner.taken_over or 0,
            # Since the beat before; the first one has nothing to compare with.
            cpu_percent=psutil.cpu_percent() if self._beaten else None,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
        )
        self._beaten = True
        return held, await leases.asked_to_drain(session, worker_id=self.identity.id)

    async def look(self) -> float:
        """See what somebody asked to stop."""
        if self.runner.ready and self.book.active:
            async with self.database.read() as session:
                asked = await leases.to_stop(session, worker_id=self.identity.id)
            self._stop(asked, "cancelled")
            await pause(_LEAST)
        return _LOOK

    async def _compare(self, held: list[Held], before: set[Key]) -> None:
        """Act on every difference. `before` is what was in hand before the database was asked."""
        if not self.runner.ready:
            return
        self._stop({item.key for item in held if item.cancel_requested}, "cancelled")
        ours = {item.key for item in held}
        if not_ours := (before & self.book.running()) - ours - self.book.stopped - self._late:
            await self._stop_lost(not_ours)
        if ours - before - self.book.all():
            await self._give_up()

    def _stop(self, which: set[Key], reason: str) -> None:
        fresh = sorted((which & self.book.running()) - self.book.stopped)
        if fresh:
            log.info("stopping", executions=[key[0] for key in fresh], reason=reason)
            self.runner.stop(fresh, reason)
            self.book.stopped.update(fresh)

    async def _stop_lost(self, keys: set[Key]) -> None:
        """End what is not ours any more, but not what was only given up for lost (reliability.md, P4 and P6)."""
        async with self.database.read() as session:
            rows = await session.execute(
                select(E.c.id, E.c.token).where(tuple_(E.c.id, E.c.token).in_(sorted(keys)), E.c.status == Status.LOST)
            )
        late = {(row.id, row.token) for row in rows}
        self._late = (self._late & self.book.running()) | late
        self._stop(keys - late, "lost")

    async def _give_up(self) -> None:
        """What the database says is ours and nobody here has heard of: its process is gone, or never was.

        Asked again under the lock: a claim may have been committed that is not in the book yet.
        """
        async with self.book.claiming:
            before = self.book.all()
            async with self.database.read() as session:
                held = await leases.held(session, worker_id=self.identity.id)
            known = before | self.book.all()
            unknown = sorted((item for item in held if item.key not in known), key=lambda item: item.key)
            if unknown and self.runner.ready:
                log.warning("executions are gone", executions=[item.id for item in unknown])
                await self.database.transact(lambda session: self._abandon(session, unknown))

    async def _abandon(self, session: WriteSession, unknown: list[Held]) -> None:
        now = await self.clock.now(session)
        if never := [item.key for item in unknown if self._never_started(item, now)]:
            await claims.unmark_spawned(session, worker_id=self.identity.id, keys=never)
        keys = [item.key for item in unknown]
        await leases.abandon(session, worker_id=self.identity.id, keys=keys, now=now, error=GONE)

    def _never_started(self, item: Held, now: datetime) -> bool:
        """Whether our runner was there when this was claimed: it knows of whatever it was given since it came up."""
        since = self.runner.since
        return since is not None and self.clock.monotonic() - (now - item.since).total_seconds() > since
