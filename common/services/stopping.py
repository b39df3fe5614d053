"""Stopping with proof: ask for it, wait outside any transaction until everything has ended, say how it ended."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.clock import Clock
from common.db.session import Database, WriteSession
from common.db.types import Record
from common.domain.states import FINAL, Status
from common.process import pause
from common.queries import executions as queries

#: Asks for the stop in a transaction; gives each execution and the state it was found in.
Ask = Callable[[WriteSession, datetime], Awaitable[Mapping[int, Status]]]

_SHORTEST, _LONGEST = 0.05, 0.5


@dataclass(frozen=True, slots=True)
class Stopping:
    """`cancelled` waited and never started; `endings` are the rows of `queries.executions.endings` for what ran."""

    cancelled: Sequence[int] = ()
    endings: Sequence[Record] = field(default_factory=list)

    @property
    def unfinished(self) -> list[int]:
        """Those that are still being ended."""
        return [row.id for row in self.endings if row.status not in FINAL]


async def stop(database: Database, clock: Clock, ask: Ask, *, wait: float) -> Stopping:
    """Ask, and look for up to `wait` seconds until nothing of it runs; raises what `ask` raises."""

    async def work(session: WriteSession) -> Mapping[int, Status]:
        return await ask(session, await clock.now(session))

    found = await database.transact(work)
    running = [id_ for id_, status in found.items() if status is Status.RUNNING]
    cancelled = [id_ for id_ in found if id_ not in set(running)]
    end, delay = clock.monotonic() + wait, _SHORTEST
    while True:
        async with database.read() as session:
            seen = Stopping(cancelled, await queries.endings(session, running) if running else [])
        left = end - clock.monotonic()
        if not seen.unfinished or left <= 0:
            return seen
        await pause(min(delay, left))
        delay = min(delay * 1.5, _LONGEST)
