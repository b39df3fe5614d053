"""Taking executions and giving them to the runner."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import structlog

from common.clock import Clock
from common.config import Settings
from common.db.session import Database, WriteSession
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
Things = Mapping[str, Mapping[int, Any]]

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
    #: Unsent ones that are marked as started: they are nobody else's any more.
    _marked: set[Key] = field(default_factory=set)
    #: Held while something is marked and sent, or given back.
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def tick(self) -> float:
        """Take what is due, up to the free slots and a little ahead; returns the seconds until there may be more."""
        idle = poll_interval(self.database)
        if self.runner.ready and self.runner.outdated and not self.book.running() and not self.book.expected:
            self.runner.replace()
        if self.book.draining or not self._may_start() or self.runner.full:
            return idle
        if not self.book.pace.ahead(self.clock.monotonic()):
            await self._gather()
        wait = await self._take(idle)
        if self.book.startable(self.clock.monotonic()):
            await self.start()  # at once, and not when that loop is woken
        return wait

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
            limit = min(self.book.room(leased), _BATCH)
            self.book.hungry = True
            if limit <= 0:
                return idle
            found, wait = await self.database.transact(lambda session: self._claim(session, limit, idle))
            self.book.hungry = len(found) == limit
            self.book.take(found, leased)
        return wait

    async def _claim(self, session: WriteSession, limit: int, idle: float) -> tuple[list[Claim], float]:
        """Up to `limit` claims, and the seconds after which another look may find more."""
        now = await self.clock.now(session)
        queues = self.settings.queues
        found = await claims.claim(
            session, worker_id=self.identity.id, queues=queues, limit=limit, lease=self.settings.lease, now=now
        )
        if len(found) == limit:
            return found, 0.0
        soonest = await claims.next_available(session, queues=queues)
        if soonest is None:
            return found, idle
        return found, min(idle, max((soonest - now).total_seconds(), _SOON))

    async def start(self) -> float:
        """Have started what was taken, as slots fall free; returns the seconds to wait."""
        async with self._starting:
            return await self._start()

    async def _start(self) -> float:
        now = self.clock.monotonic()
        await self._give_back(list(self.book.returned))
        if self.book.draining:
            self._recall()
            await self._give_back(list(self.book.unsent))
        elif not self._may_start():
            return _IDLE
        elif count := self.book.startable(now):
            self._moved = now
            await self._send(dict(islice(self.book.unsent.items(), count)))
        elif (stock := [key for key in self.book.unsent if key not in self._marked]) or self.book.queued:
            if self._count != self.book.count:
                self._moved, self._count = now, self.book.count
            waited = now - self._moved
            if waited < PATIENCE:
                return PATIENCE - waited
            log.info("giving back what slots did not fall free for", executions=len(stock))
            self.book.pace.misjudged(now)
            self._recall()
            await self._give_back(stock)
        return 0.0 if self.book.startable(self.clock.monotonic()) and self._may_start() else _IDLE

    def _recall(self) -> None:
        if self.book.queued:
            self.runner.recall()

    async def _send(self, taken: Mapping[Key, Claim]) -> None:
        """Say that they may start from now on, then have them start; those that are not ours any more are dropped."""
        mine, rows, things = await self.database.transact(lambda session: self._mark(session, taken))
        self.book.drop(taken.keys() - mine)
        self._marked = mine
        # Without a line they stay marked and unsent, and go out with the next tick after the next hello.
        if self.runner.ready:
            jobs = [self._job(claim, rows, things) for key, claim in taken.items() if key in mine]
            self.runner.start([job for job in jobs if job is not None])
            for key in mine:
                self.book.unsent.pop(key, None)
            self._marked = set()

    async def _mark(self, session: WriteSession, taken: Mapping[Key, Claim]) -> tuple[set[Key], Variables, Things]:
        """Say that they may start; returns those that are ours, and what they use."""
        mine = await claims.mark_spawned(session, worker_id=self.identity.id, keys=list(taken))
        used = await variables.stored(session, taken.values())
        return mine, used, await registry.read(session, taken.values())

    async def _give_back(self, keys: list[Key]) -> None:
        """Leave to others what was taken and not started, whether it is marked or not."""
        if keys:
            await self.database.transact(lambda session: self._abandon(session, keys))
            self.book.drop(keys)

    async def _abandon(self, session: WriteSession, keys: list[Key]) -> None:
        now = await self.clock.now(session)
        await claims.unmark_spawned(session, worker_id=self.identity.id, keys=keys)
        await leases.abandon(session, worker_id=self.identity.id, keys=keys, now=now, error="the worker was stopped")
        await notify(session, Topic.QUEUE)

    def _job(self, claim: Claim, rows: Variables, things: Things) -> dict[str, Any] | None:
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
