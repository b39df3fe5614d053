"""A server that says nothing more: every wait for it ends, and ends as "the database is away"."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from common.db.engine import create_engine
from common.db.errors import is_away
from tests.support.interleave import on_servers
from tests.support.proxy import Mode, Proxy, proxy

pytestmark = on_servers
#: Seconds: far beyond any limit below, and far below "for ever".
FOR_EVER = 60


@pytest.fixture
async def between(database_url: str) -> AsyncIterator[Proxy]:
    url = make_url(database_url)
    async with proxy(url.host or "", url.port or 0) as made:
        yield made


@pytest.fixture
async def engine(database_url: str, between: Proxy) -> AsyncIterator[AsyncEngine]:
    url = make_url(database_url).set(port=between.port)
    engine = create_engine(url.render_as_string(hide_password=False), command_timeout=0.3)
    yield engine
    await between.set(Mode.PASS)
    await engine.dispose()


async def test_a_statement_into_a_black_hole_ends(engine: AsyncEngine, between: Proxy) -> None:
    async with asyncio.timeout(FOR_EVER):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await between.set(Mode.BLACK_HOLE)
            with pytest.raises(Exception) as caught:  # noqa: PT011 - each driver has its own
                await connection.execute(text("SELECT 1"))
        assert is_away(caught.value)


async def test_a_pooled_connection_that_went_silent_is_replaced(engine: AsyncEngine, between: Proxy) -> None:
    async with asyncio.timeout(FOR_EVER):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        await between.set(Mode.BLACK_HOLE)
        with pytest.raises(Exception) as caught:  # noqa: PT011
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        assert is_away(caught.value)
        await between.set(Mode.PASS)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_commit_whose_reply_is_lost_says_so(engine: AsyncEngine, between: Proxy) -> None:
    async with asyncio.timeout(FOR_EVER):
        with pytest.raises(Exception) as caught:  # noqa: PT012, PT011
            async with engine.begin() as connection:
                await connection.execute(text("CREATE TEMPORARY TABLE t (id INT)"))
                await between.set(Mode.DROP_REPLY_OF_COMMIT)
        assert is_away(caught.value)
