"""Recording what ended: many results a transaction, in the order they came, until the database has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from common.clock import Clock
from common.db.bulk import insert_ignore
from common.db.errors import is_away
from common.db.models import ExecutionOutput, table_of
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, notify
from common.process import pause
from common.queue import claims
from common.queue.claims import Claim, Key
from common.queue.finish import finish, keep_reports
from worker import reports
from worker.book import Book, Wakes
from worker.identity import Identity
from worker.outcome import Ending, ending, keeps_files
from worker.runner.protocol import Message
from worker.runner_client import RunnerClient
from worker.shelf import Shelf

log = structlog.get_logger()
P = table_of(ExecutionOutput)

_BATCH = 200
_SIZE = 8 << 20
#: Seconds to wait for more results: little for one that comes alone, more while they come all the time and others run.
_GATHER, _GATHER_IN_FLOOD, _STEP = 0.005, 0.04, 0.005
_FLOOD = 0.05
#: As many are worth a transaction.
_ENOUGH = 100
_IDLE = 5.0
#: Bytes of one stored piece: the page reads a few of them for the lines it shows.
_PIECE = 1 << 18


@dataclass(slots=True)
class Recorder:
    """The record loop's body."""

    database: Database
    clock: Clock
    identity: Identity
    book: Book
    runner: RunnerClient
    wakes: Wakes
    shelf: Shelf
    _recorded_at: float = 0.0

    async def tick(self) -> float:
        """Record a batch of results, if there are any."""
        if not self.book.results:
            return _IDLE
        if len(self.book.results) < _BATCH:
            await self._gather()
        batch = self.book.oldest(_BATCH, _SIZE, self.shelf.ready)
        if not batch:
            return _IDLE
        try:
            await self._record(batch)
        except DBAPIError as error:
            if is_away(error):
                raise
            await self._record_each(batch)
        self._recorded_at = self.clock.monotonic()
        return 0.0

    async def _gather(self) -> None:
        now = self.clock.monotonic()
        end = now + (_GATHER_IN_FLOOD if now < self._recorded_at + _FLOOD else _GATHER)
        while len(self.book.results) < _ENOUGH and (left := end - self.clock.monotonic()) > 0:
            await pause(min(left, _STEP))
            if not self.book.active:
                break

    async def _record_each(self, batch: Sequence[Message]) -> None:
        """The database refused something in the batch: it must not hold up the others, nor come back for ever."""
        for message in batch:
            try:
                await self._record([message])
            except DBAPIError as error:
                if is_away(error):
                    raise
                log.exception("output refused by the database", execution=message["id"])
                said = f"its output could not be stored: {type(error.orig).__name__}"
                none = {"stdout": "", "stderr": "", "stdout_cut": None, "stderr_cut": None}
                await self._record([message | none | {"error": said}])

    async def _record(self, batch: Sequence[Message]) -> None:
        stale, kept, again = await self.database.transact(lambda session: self._write(session, batch))
        if stale:
            log.warning("late results dropped", executions=sorted(key[0] for key in stale))
        done = [(message["id"], message["token"]) for message in batch]
        await self.shelf.forget(done, dropped=set(done) - kept)
        self.book.put_away(done)
        self.runner.acknowledge(done)
        if again:
            # A retry without a delay may be claimed from now on.
            self.wakes.claim.set()

    async def _write(self, session: WriteSession, batch: Sequence[Message]) -> tuple[set[Key], set[Key], bool]:
        """One transaction; returns the keys that were stale, and those whose files are kept, and whether
        anything is tried again."""
        known = await self._claims(session, batch)
        now = await self.clock.now(session)
        shift = _shift(now, self.clock.local())
        found: list[Ending] = []
        stale: set[Key] = set()
        for message in batch:
            key = (message["id"], message["token"])
            if (problem := self.shelf.of(key).problem) and message["outcome"] == "exited":
                message = {**message, "outcome": "unkept", "error": problem}
            if claim := known.get(key):
                found.append(ending(message, claim, worker_id=self.identity.id, now=now, shift=shift))
            else:
                stale.add(key)
        stale |= await finish(session, [item.result for item in found])
        await _keep_raw(session, [item for item in found if item.raw and item.result.key not in stale])
        await keep_reports(session, self._reports(batch, stale), running=False)
        kept = {item.result.key for item in found if keeps_files(known[item.result.key], item.result.status)} - stale
        await self.shelf.record(session, {key: known[key] for key in kept}, now=now)
        again = any(item.result.retry_at is not None for item in found)
        await notify(session, Topic.ENDED, Topic.OUTPUT, *([Topic.QUEUE] if again else []))
        return stale, kept, again

    def _reports(self, batch: Sequence[Message], stale: set[Key]) -> dict[Key, dict[str, Any]]:
        """The reports of those that have one, with what is to be said of their files. They are there: the runner keeps
        them until it is told that we have them."""
        found = {}
        for message in batch:
            key = (message["id"], message["token"])
            notes = self.shelf.of(key).notes
            report = reports.read(message["folder"]) if message.get("folder") and key not in stale else None
            if report is not None or (notes and key not in stale):
                report = report or {"progress": None, "result": {}, "warnings": []}
                found[key] = report | {"warnings": [*report["warnings"], *notes]}
        return found

    async def _claims(self, session: WriteSession, batch: Sequence[Message]) -> Mapping[Key, Claim]:
        """The claims of these results; those of a predecessor are read again."""
        keys = [(message["id"], message["token"]) for message in batch]
        missing = [key for key in keys if key not in self.book.claims]
        if not missing:
            return self.book.claims
        return {**self.book.claims, **await claims.load(session, missing)}


def _shift(now: datetime, local: datetime) -> timedelta:
    """What to add to this machine's clock to get the database's; nothing where they agree as well as clocks do."""
    shift = now - local
    return shift if abs(shift) > timedelta(seconds=0.05) else timedelta(0)


async def _keep_raw(session: WriteSession, found: Sequence[Ending]) -> None:
    """Store the bytes of output that is not the same as text, in place of the live pieces."""
    for item in found:
        execution_id, token = item.result.key
        await session.execute(delete(P).where(P.c.execution_id == execution_id, P.c.token == token))
        rows: list[dict[str, Any]] = []
        for stream, data in item.raw:
            for start in range(0, len(data), _PIECE):
                part = data[start : start + _PIECE]
                piece = {"stream": stream, "at": 0.0, "data": part, "lines": part.count(b"\n"), "seq": len(rows) + 1}
                rows.append({"execution_id": execution_id, "token": token, **piece})
        for row in rows:
            await insert_ignore(session, P, [row])
