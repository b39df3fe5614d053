"""What a connection knows from the start, so that nothing is asked in the middle of a rush."""

from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from common.clock import Clock
from common.db.errors import is_away
from common.db.session import Database, WriteSession
from common.domain.states import Status
from common.queue import claims
from common.queue.finish import Result, finish
from scheduler.fire import Fire
from tests.support import world

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])


async def test_what_lists_are_is_asked_when_the_connection_is_made(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with database.read() as session:
        now = await clock.now(session)
    task = await world.add_task(database)
    await world.add_schedule(database, task, next_run_at=now - timedelta(seconds=1))
    hurried = Database(database_url, pool_size=1, at_once=True)
    asked: list[object] = []
    ask = asyncpg.Connection._introspect_types

    async def noted(self: asyncpg.Connection, typeoids: object, timeout: float) -> object:
        asked.append(typeoids)
        return await ask(self, typeoids, timeout)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", noted)

    async def run(session: WriteSession) -> set[tuple[int, int]]:
        now = await clock.now(session)
        (claim,) = await claims.claim(session, worker_id="wei", queues=["default"], limit=9, lease=60, now=now)
        done = Result(claim.id, claim.token, Status.SUCCESS, started_at=now, finished_at=now, worker_id="wei")
        return await finish(session, [done])

    try:
        async with hurried.read() as session:
            await clock.now(session)
        known = len(asked)
        assert known > 0, "this is how asyncpg asks"
        await Fire(hurried, clock).tick()
        assert await hurried.transact(run) == set()
        assert asked[known:] == []
    finally:
        await hurried.dispose()


async def test_a_connection_that_goes_while_it_is_made_is_a_database_that_is_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", gone)
    hurried = Database(database_url, at_once=True)
    with pytest.raises(DBAPIError) as caught:
        async with hurried.read() as session:
            await Clock().now(session)
    assert is_away(caught.value)
    await hurried.dispose()
