"""Taking executions and giving them to the runner."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from common.clock import Clock
from common.config import Settings
from common.db.session import Database, ReadSession, WriteSession
from common.db.types import Record
from common.db.wakeup import Topic, notify, poll_interval
from common.process import pause
from common.queue import claims, leases
from common.queue.claims import Claim, Key
from common.security.encryption import Keyring
from worker import environment, variables
from worker.book import Book
from worker.identity import Identity
from worker.kinds import registry
from worker.kinds.work import Given, Unready
from worker.pace import PATIENCE
from worker.runner import results
from worker.runner_client import RunnerClient

log = structlog.get_logger()

Variables = Mapping[int, Record]
#: What tasks use, as the database has it: variables, and what else there is, by its kind.
Things = tuple[Variables, Mapping[str, Mapping[int, Any]]]

#: Most that one transaction takes: the runner spawns the first while the next are being claimed.
_BATCH = 200
#: Seconds for which a busy worker lets a quarter of its slots fall free, so that they become one claim.
_PATIENCE = 0.02
_STEP = 0.004
#: Seconds between two looks where another worker holds what is due.
_SOON = 0.05
_GRACE = 10.0
_IDLE = 5.0


def deadline(leased: float, lease: float) -> float:
    """When, on CLOCK_BOOTTIME, an at_least_once task must be stopped: early enough that it is gone when the lease is.

    `leased` is the instant before the query that gave the lease of `lease` seconds was sent. With 60 s it leaves 45
    s, of which the database may be away 35 (heartbeats come every 10), then 10 s of grace, and 5 to spare.
    """
    return leased + lease * 0.75


@dataclass(slots=True)
class Claimer:
    """The bodies of the loops `claim` and `start`."""

    database: Database
    clock: Clock
    settings: Settings
    identity: Identity
    book: Book
    runner: RunnerClient
    base: Mapping[str, str]
    keyring: Keyring
    #: When the stock last became less, on the clock's `monotonic`, and how many results had come by then.
    _moved: float = 0.0
    _count: int = 0
    #: Held while something is sent or given back.
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def tick(self) -> float:
        """Take what is due, up to the free slots and a little ahead, and have it started; returns the seconds until
        there may be more."""
        idle = poll_interval(self.database)
        if self.runner.ready and self.runner.outdated and not self.book.running() and not self.book.expected:
            self.runner.replace()
        if self.book.draining or not self._may_start() or self.runner.full:
            return idle
        if not self.book.pace.ahead(self.clock.monotonic()):
            await self._gather()
        return await self._take(idle)

    def _may_start(self) -> bool:
        return self.runner.ready and not self.runner.outdated

    async def _gather(self) -> None:
        """A claim costs some milliseconds whatever it brings: when tasks end by the hundred, few at once are dear."""
        end = self.clock.monotonic() + _PATIENCE
        while self.book.running() and self.book.free * 4 < self.settings.slots and self.clock.monotonic() < end:
            await pause(_STEP)

    async def _take(self, idle: float) -> float:
        async with self.book.claiming:
            leased = self.clock.monotonic()
            limit, deep = min(self.book.room(leased), _BATCH), self.book.hungry
            self.book.hungry = True
            if limit <= 0:
                return idle
            found, things, wait = await self.database.transact(
                lambda session: self._claim(session, limit, idle, deep=deep)
            )
            self.book.hungry = len(found) == limit
            self.book.take(found, leased)
            self._send(found, things)
        if found and not self.book.hungry:
            # Only now, when they are on their way.
            async with self.database.read() as session:
                return await self._until_next(session, idle, await self.clock.now(session))
        return wait

    async def _claim(
        self, session: WriteSession, limit: int, idle: float, *, deep: bool
    ) -> tuple[list[Claim], Things, float]:
        """Up to `limit` claims, what they use, and where there are none, the seconds after which there may be some."""
        now = await self.clock.now(session)
        queues, lease = self.settings.queues, self.settings.lease
        mine: dict[str, Any] = {"worker_id": self.identity.id, "lease": lease, "spawned": True}
        found = await claims.claim(session, **mine, queues=queues, limit=limit, now=now, deep=deep)
        things = await self._read(session, found)
        return found, things, 0.0 if found else await self._until_next(session, idle, now)

    async def _until_next(self, session: ReadSession, idle: float, now: datetime) -> float:
        """The seconds after which another look may find more."""
        soonest = await claims.next_available(session, queues=self.settings.queues)
        return idle if soonest is None else min(idle, max((soonest - now).total_seconds(), _SOON))

    async def _read(self, session: ReadSession, found: Collection[Claim]) -> Things:
        return await variables.stored(session, found), await registry.read(session, found)

    def _send(self, found: Collection[Claim], things: Things) -> None:
        """Have these started. Without a line they stay unsent, and go out after the next hello; when the worker is to
        stop they are left to others."""
        if found and self.runner.ready and not self.book.draining:
            jobs = [self._job(claim, *things) for claim in found]
            self.runner.start([job for job in jobs if job is not None])
            self.book.sent(found)

    async def start(self) -> float:
        """See to what was taken and does not run: send it, or leave it to others; returns the seconds to wait."""
        async with self._starting:
            await self._give_back(list(self.book.returned))
            if self.book.draining:
                self._recall()
                await self._give_back(list(self.book.unsent))
            elif self._may_start() and self.book.unsent:
                await self._send_late()
            return self._patience() if self.book.queued else _IDLE

    async def _send_late(self) -> None:
        """Have those started that are still ours."""
        async with self.database.read() as session:
            held = await leases.held(session, worker_id=self.identity.id)
            self.book.drop(self.book.unsent.keys() - {item.key for item in held})
            late = list(self.book.unsent.values())
            things = await self._read(session, late)
        self._send(late, things)

    def _patience(self) -> float:
        """How long the stock may still wait; it goes back when that is over."""
        now = self.clock.monotonic()
        if self._count != self.book.count:
            self._moved, self._count = now, self.book.count
        if (waited := now - self._moved) < PATIENCE:
            return PATIENCE - waited
        log.info("giving back what slots did not fall free for")
        self.book.pace.misjudged(now)
        self._recall()
        return _IDLE

    def _recall(self) -> None:
        if self.book.queued:
            self.runner.recall()

    async def _give_back(self, keys: list[Key]) -> None:
        """Leave to others what was taken and not started."""
        if keys:
            await self.database.transact(lambda session: self._abandon(session, keys))
            self.book.drop(keys)

    async def _abandon(self, session: WriteSession, keys: list[Key]) -> None:
        now = await self.clock.now(session)
        await claims.unmark_spawned(session, worker_id=self.identity.id, keys=keys)
        await leases.abandon(session, worker_id=self.identity.id, keys=keys, now=now, error="the worker was stopped")
        await notify(session, Topic.QUEUE)

    def _job(self, claim: Claim, rows: Variables, things: Mapping[str, Mapping[int, Any]]) -> dict[str, Any] | None:
        """One attempt as the runner wants it; None when it fails for want of something it uses."""
        try:
            given = Given(variables.inject(claim, rows, self.keyring), things, self.keyring, self.settings)
            work = registry.work(claim, given)
        except (variables.VariableMissing, Unready) as error:
            self.book.ended([results.empty(claim.key, "spawn_error", str(error))])
            return None
        again = claim.delivery == "at_least_once"
        return {
            "id": claim.id,
            "token": claim.token,
            "argv": work.argv,
            "env": environment.build(claim, self.base, work.env, run_as=self.settings.run_as),
            "masked": work.masked,
            **({"stdin": work.stdin, "secrets": work.secrets} if work.stdin is not None else {}),
            **({"input": work.input} if work.input is not None else {}),
            **({"folder": True} if work.folder else {}),
            "cwd": claim.spec.get("cwd"),
            "limits": claim.spec.get("limits"),
            "run_as": claim.spec.get("run_as") or self.settings.run_as or None,
            "timeout": claim.timeout,
            # What runs up to its deadline must be gone when its lease is.
            "grace": min(_GRACE, self.settings.lease / 6) if again else _GRACE,
            "output_cap": self.settings.output_limit,
            "on_deadline": "stop" if again else "run_on",
            "deadline": deadline(self.book.active[claim.key], self.settings.lease),
        }
