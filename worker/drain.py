"""Stopping in good order: claim no more, wait for what runs, end the rest, record it all, send the runner home."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from common.clock import Clock
from common.db.errors import is_away
from common.db.session import Database, WriteSession
from common.process import pause
from worker import identity
from worker.book import Book, Wakes
from worker.identity import Identity
from worker.runner_client import RunnerClient

log = structlog.get_logger()

_POLL = 0.02
#: Seconds for a claim that is under way to come home.
_CLAIM = 5.0
#: Seconds for what is being ended: its grace, and a moment to kill and record it.
_END = 15.0
_HURRIED_END = 2.0
_GOODBYE = 6.0


@dataclass(slots=True)
class Drain:
    """`stop` asks for it, `hurry` has it done at once; `handover` asks to leave what runs to another process."""

    database: Database
    clock: Clock
    identity: Identity
    generation: int
    book: Book
    runner: RunnerClient
    wakes: Wakes
    timeout: float
    stop: asyncio.Event
    hurry: asyncio.Event
    handover: asyncio.Event

    async def run(self, ended: asyncio.Event) -> None:
        """Wait to be stopped, stop everything, and set `ended`; gives up when that is set by somebody else."""
        await pause(None, self.stop, self.handover, ended)
        if ended.is_set():
            return
        await self._claim_no_more()
        if not self.handover.is_set():
            await self._drain(ended)
        if self.handover.is_set():
            await self._hand_over(ended)
        ended.set()

    async def _claim_no_more(self) -> None:
        log.info("draining", running=len(self.book.active))
        self.book.draining = True
        self.wakes.heartbeat.set()
        self.wakes.claim.set()
        self.wakes.start.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLAIM), self.book.claiming:
                pass

    async def _hand_over(self, ended: asyncio.Event) -> None:
        """Record what has ended; what runs, and what cannot be recorded now, the runner keeps for the successor."""
        await self._until(lambda: not (self.book.unsent or self.book.results), _CLAIM, ended)
        log.info("handed over", running=len(self.book.active), unrecorded=len(self.book.results))

    async def _drain(self, ended: asyncio.Event) -> None:
        """Let what runs end, or end it, and send the runner home; gives up when it is to be handed over."""
        self.identity.is_draining()
        await self._until(lambda: self.book.idle, self.timeout, ended, self.hurry, self.handover)
        if self.handover.is_set():
            return
        if not self.book.idle:
            log.warning("interrupting", executions=sorted(key[0] for key in self.book.active))
            self.runner.stop(self.book.running(), "interrupted")
            await self._until(lambda: self.book.idle, _HURRIED_END if self.hurry.is_set() else _END, ended)
        self.runner.quit()
        await self._until(lambda: not self.runner.connected, _GOODBYE if self.book.idle else _HURRIED_END, ended)
        await self._retire()
        log.info("stopped", unrecorded=len(self.book.all()))

    async def _until(self, done: Callable[[], bool], seconds: float, *events: asyncio.Event) -> None:
        end = self.clock.monotonic() + seconds
        while not done() and self.clock.monotonic() < end and not any(event.is_set() for event in events):
            await pause(_POLL, *events)

    async def _retire(self) -> None:
        try:
            await self.database.transact(self._note)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("database away", error=type(error).__name__)

    async def _note(self, session: WriteSession) -> None:
        now = await self.clock.now(session)
        await identity.retire(session, self.identity, generation=self.generation, now=now)
