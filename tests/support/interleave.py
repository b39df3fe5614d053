"""Two transactions that want the same rows, in an order the test decides and never by luck."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy import event, text

from common.db.session import Database, WriteSession
from tests.support.eventually import eventually

First = TypeVar("First")
Second = TypeVar("Second")

#: For tests of what SQLite cannot do: two writers, connections over a network.
on_servers = pytest.mark.parametrize("database_kind", ["postgresql", "mysql"])
#: For tests of what happens before a database is asked, or in one way on each: refusals, words, headers, forms.
one_engine = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

_BLOCKED = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


async def overlap(
    here: Database,
    there: Database,
    first: Callable[[WriteSession], Awaitable[First]],
    second: Callable[[WriteSession], Awaitable[Second]],
) -> tuple[First, Second]:
    """`first` works; before it commits `second` begins and either goes through or waits; then `first` commits.

    Neither is tried again: a deadlock between the two fails the test.
    """
    began = asyncio.Event()
    event.listen(there.engine.sync_engine, "engine_connect", lambda connection: began.set())
    async with here.write() as session:
        ours = await first(session)
        waiting = asyncio.ensure_future(there.transact(second, attempts=1))
        try:
            await began.wait()
            # MariaDB shows its transactions as they were until nobody has asked for a tenth of a second.
            await eventually(lambda: _done_or_blocked(waiting, here), interval=0.15)
        except BaseException:
            waiting.cancel()
            raise
    return ours, await waiting


async def _done_or_blocked(waiting: "asyncio.Future[Second]", database: Database) -> None:
    # On SQLite the second transaction cannot even begin while the first is open.
    if not waiting.done() and database.dialect in _BLOCKED:
        async with database.read() as session:
            assert await session.scalar(text(_BLOCKED[database.dialect])), "the second neither ends nor waits"
