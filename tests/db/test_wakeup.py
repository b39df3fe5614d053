"""Wake-ups: whoever writes is noticed by the others at once, where the database can tell."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from common.db import wakeup
from common.db.session import Database
from common.db.wakeup import Topic, Wakeup, notify
from tests.support import world
from tests.support.eventually import eventually

#: MySQL has nothing of the kind; its users poll.
that_tell = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@contextlib.asynccontextmanager
async def listening(url: str, woken: asyncio.Event) -> AsyncIterator[None]:
    stop = asyncio.Event()
    wakeup = asyncio.ensure_future(Wakeup(url, {Topic.QUEUE: [woken]}).run(stop))
    yield
    stop.set()
    async with asyncio.timeout(60):
        await wakeup


async def write(database: Database, *topics: Topic) -> None:
    async with database.write() as session:
        await session.execute(world.T.update().values(priority=world.T.c.priority + 1))
        await notify(session, *topics)


async def wakes(database: Database, woken: asyncio.Event, *topics: Topic) -> None:
    """A write is noticed; tried again, as nobody hears before it listens."""

    async def noticed() -> None:
        woken.clear()
        await write(database, *topics)
        try:
            async with asyncio.timeout(0.5):
                await woken.wait()
        except TimeoutError:
            raise AssertionError("nobody woke up") from None

    await eventually(noticed)


async def calm(woken: asyncio.Event) -> None:
    """Nothing that was written before is still on its way: on a busy machine it may come late."""
    woken.clear()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await woken.wait()
    assert not woken.is_set()


@that_tell
async def test_a_write_of_another_process_wakes(database: Database, database_url: str) -> None:
    woken = asyncio.Event()
    await world.add_task(database)
    async with listening(database_url, woken):
        await wakes(database, woken)


@that_tell
async def test_a_hint_wakes_those_it_is_for(database: Database, database_url: str) -> None:
    woken = asyncio.Event()
    await world.add_task(database)
    async with listening(database_url, woken):
        await wakes(database, woken, Topic.QUEUE, Topic.ENDED)
        await eventually(lambda: calm(woken))
        await write(database, Topic.ENDED, Topic.OUTPUT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await woken.wait()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_connection_that_was_cut_is_made_again(database: Database, database_url: str) -> None:
    woken = asyncio.Event()
    await world.add_task(database)
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    async with listening(database_url, woken):
        await wakes(database, woken)
        async with database.read() as session:
            assert list(await session.scalars(cut)) == [True]
        await wakes(database, woken)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_connection_that_goes_while_it_is_used_is_made_again(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended a worker once, when a server was killed between the sign-in and the LISTEN."""
    listen = asyncpg.Connection.add_listener
    asked = 0

    async def go(connection: asyncpg.Connection, *channel: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
        await listen(connection, *channel)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", go)
    monkeypatch.setattr(wakeup, "_RECONNECT", 0.01)
    woken = asyncio.Event()
    await world.add_task(database)
    async with listening(database_url, woken):
        await wakes(database, woken)
    assert asked > 1


async def test_stopping_ends_it(database_url: str) -> None:
    async with listening(database_url, asyncio.Event()):
        pass
