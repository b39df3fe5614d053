"""The reaper: takes what lapsed, and gives workers that were cut off together with it time to come back first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text

from common.db.session import Database
from common.domain.states import Status
from common.queue import leases
from scheduler import unlock
from scheduler.reap import Reap
from tests.support import world
from tests.support.eventually import eventually
from tests.support.world import StillClock


class Away(OSError):
    """The database does not answer."""


@contextmanager
def away(database: Database) -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise Away

    event.listen(database.engine.sync_engine, "before_cursor_execute", refuse)
    yield
    event.remove(database.engine.sync_engine, "before_cursor_execute", refuse)


class TestTheReaper:
    @pytest.fixture
    async def reaper(self, database: Database) -> Reap:
        """A reaper before its first tick; one execution runs, with a lease of a minute."""
        await world.add_executions(database, await world.add_task(database))
        await world.claim_and_spawn(database)
        return Reap(database, StillClock(), heartbeat=10, lease=60)

    async def has_reaped(self, database: Database) -> bool:
        (row,) = await world.executions(database)
        return bool(row.status == Status.LOST)

    async def tick(self, reaper: Reap, seconds: float = 0, *, every: float = 2) -> float:
        """Tick for so many seconds of the clock; gives what the last tick said."""
        clock = reaper.clock
        assert isinstance(clock, StillClock)
        while seconds > 0:
            clock.move(min(every, seconds))
            seconds -= every
            wait = await reaper.tick()
        return wait

    async def test_it_takes_a_lease_soon_after_it_is_over(self, database: Database, reaper: Reap) -> None:
        await reaper.tick()
        assert await self.tick(reaper, 60) == 2
        assert not await self.has_reaped(database)
        assert await self.tick(reaper, 2) == 2
        assert await self.has_reaped(database)

    async def test_just_started_it_waits_for_a_heartbeat_of_the_living(self, database: Database, reaper: Reap) -> None:
        clock = reaper.clock
        assert isinstance(clock, StillClock)
        clock.move(3600)
        await self.tick(reaper, 16)
        assert not await self.has_reaped(database)
        await self.tick(reaper, 2)
        assert await self.has_reaped(database)

    async def test_after_a_gap_in_its_own_ticks_it_waits_again(self, database: Database, reaper: Reap) -> None:
        await self.tick(reaper, 40)
        await self.tick(reaper, 1000, every=1000)
        await self.tick(reaper, 14)
        assert not await self.has_reaped(database)
        await self.tick(reaper, 4)
        assert await self.has_reaped(database)

    async def test_a_short_gap_is_none(self, database: Database, reaper: Reap) -> None:
        await self.tick(reaper, 56)
        await self.tick(reaper, 14, every=14)
        assert await self.has_reaped(database)

    async def test_looks_that_fail_while_the_database_is_away_do_not_count(
        self, database: Database, reaper: Reap
    ) -> None:
        await self.tick(reaper, 40)
        with away(database):
            for _ in range(30):
                with pytest.raises(Away):
                    await self.tick(reaper, 5, every=5)
        await self.tick(reaper, 16)
        assert not await self.has_reaped(database)
        await self.tick(reaper, 2)
        assert await self.has_reaped(database)

    async def test_a_worker_that_comes_back_in_time_keeps_what_it_has(self, database: Database, reaper: Reap) -> None:
        clock = reaper.clock
        assert isinstance(clock, StillClock)
        await world.add_worker(database)
        await self.tick(reaper, 40)
        await self.tick(reaper, 200, every=200)
        async with database.write() as session:
            await leases.renew(session, worker_id="wei", generation=1, lease=60, now=await clock.now(session))
        await self.tick(reaper, 30)
        assert not await self.has_reaped(database)

    async def test_a_full_batch_is_followed_at_once(
        self, database: Database, reaper: Reap, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.reap._BATCH", 1)
        await reaper.tick()
        await self.tick(reaper, 60)
        assert await self.tick(reaper, 2) == 0


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_who_freezes_while_it_prepares_a_statement_holds_its_locks_no_longer_than_others(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of such a session PostgreSQL's own limits see nothing: it waits for the rest of the message."""
    monkeypatch.setattr(unlock, "_END", text(unlock._END.text.replace("10 seconds", "1 second")))
    (execution,) = await world.add_executions(database, await world.add_task(database))
    frozen = await asyncpg.connect(
        database_url.replace("+asyncpg", ""),
        server_settings={"application_name": "rota", "statement_timeout": "500"},
    )
    try:
        await frozen.execute(f"BEGIN; UPDATE executions SET priority = 1 WHERE id = {execution}")
        await frozen.prepare("SELECT 1")

        async def is_free() -> None:
            await unlock.Unlock(database).tick()
            async with database.write() as session:
                rows = await session.execute(text("SELECT id FROM executions FOR UPDATE SKIP LOCKED"))
                assert list(rows.scalars()) == [execution]

        with pytest.raises(AssertionError):
            await is_free()
        await eventually(is_free, timeout=10)
    finally:
        frozen.terminate()
