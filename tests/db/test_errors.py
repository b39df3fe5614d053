"""Errors as the databases really make them: which ones pass by themselves, and that none tells a secret."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from common.db.errors import is_away, is_transient
from common.db.session import Database, WriteSession
from common.errors import ConfigurationError
from tests.support import world
from tests.support.eventually import eventually
from tests.support.interleave import on_servers
from tests.support.world import E, T

#: Written into rows that are refused; no error may repeat it.
SECRET = "hunter2-密码"
WHO_AM_I = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
DO_NOT_WAIT = {"postgresql": "SET LOCAL lock_timeout = '50ms'", "mysql": "SET innodb_lock_wait_timeout = 0"}


async def touch(session: WriteSession, *ids: int) -> None:
    for id_ in ids:
        await session.execute(update(T).where(T.c.id == id_).values(description=T.c.description + "x"))


async def kill_connection_of(session: WriteSession, elsewhere: Database) -> None:
    """An administrator ends the connection of this session, in the middle of its transaction."""
    me = await session.scalar(text(WHO_AM_I[elsewhere.dialect]))
    async with elsewhere.read() as admin:
        await admin.execute(text(KILL[elsewhere.dialect].format(me)))


def impatient(database: Database) -> Database:
    """The same SQLite file, opened so that it does not wait for a lock."""
    other = Database(database.engine.url.render_as_string(hide_password=False), pool_size=1)

    @event.listens_for(other.engine.sync_engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 0").close()

    return other


async def refused(work: Callable[[], Awaitable[Any]]) -> DBAPIError:
    """The error that `work` ends with."""
    with pytest.raises(DBAPIError) as caught:
        await work()
    return caught.value


class TestWhatPassesByItself:
    @on_servers
    async def test_a_deadlock_has_one_victim_and_trying_again_helps(
        self, database: Database, elsewhere: Database
    ) -> None:
        first, second = [await world.add_task(database) for _ in range(2)]
        both_hold_one = asyncio.Barrier(2)
        errors: list[BaseException] = []
        tries = 0

        async def one_then_other(session: WriteSession, one: int, other: int) -> None:
            nonlocal tries
            tries += 1
            await touch(session, one)
            if tries <= 2:
                await both_hold_one.wait()
            try:
                await touch(session, other)
            except DBAPIError as error:
                errors.append(error)
                raise

        await asyncio.gather(
            database.transact(lambda session: one_then_other(session, first, second)),
            elsewhere.transact(lambda session: one_then_other(session, second, first)),
        )
        assert [is_transient(error) for error in errors] == [True]
        assert tries == 3
        async with database.read() as session:
            assert list(await session.scalars(select(T.c.description))) == ["xx", "xx"]

    async def test_a_lock_that_nobody_gives_back(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        other = impatient(database) if database.dialect == "sqlite" else elsewhere
        async with database.write() as holder:
            await touch(holder, task)

            async def want_it() -> None:
                async with other.write() as session:
                    if other.dialect in DO_NOT_WAIT:
                        await session.execute(text(DO_NOT_WAIT[other.dialect]))
                    await touch(session, task)

            error = await refused(want_it)
        assert is_transient(error)
        assert is_away(error)
        await other.dispose()

    @on_servers
    async def test_a_connection_that_was_cut_is_replaced_and_the_work_done_once(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)
        errors: list[BaseException] = []
        tries = 0

        async def work(session: WriteSession) -> None:
            nonlocal tries
            tries += 1
            await touch(session, task)
            if tries == 1:
                await kill_connection_of(session, elsewhere)
            try:
                await touch(session, task)
            except DBAPIError as error:
                errors.append(error)
                raise

        await database.transact(work)
        assert tries == 2
        assert [is_transient(error) for error in errors] == [True]
        async with database.read() as session:
            assert await session.scalar(select(T.c.description)) == "xx"

    @on_servers
    async def test_an_idle_connection_that_was_cut_is_not_even_noticed(
        self, database: Database, elsewhere: Database
    ) -> None:
        async with database.write() as session:
            me = await session.scalar(text(WHO_AM_I[database.dialect]))
        async with elsewhere.read() as admin:
            await admin.execute(text(KILL[database.dialect].format(me)))

        async def next_work() -> None:
            async with database.write() as session:
                assert await session.scalar(text(WHO_AM_I[database.dialect])) != me

        await eventually(next_work)

    @on_servers
    async def test_a_server_that_is_not_there(self, database: Database) -> None:
        url = database.engine.url.set(port=1).render_as_string(hide_password=False)
        nowhere = Database(url)
        with pytest.raises(Exception) as caught:  # noqa: PT011
            async with nowhere.read() as session:
                await session.execute(text("SELECT 1"))
        assert is_away(caught.value)
        await nowhere.dispose()


class TestTryingAgain:
    async def test_the_whole_transaction_is_run_again_and_nothing_of_the_first_try_stays(
        self, database: Database
    ) -> None:
        task = await world.add_task(database)
        tries = 0

        async def work(session: WriteSession) -> str:
            nonlocal tries
            tries += 1
            await touch(session, task)
            if tries < 3:
                raise OperationalError("UPDATE", {}, Exception("database is locked"))
            return "done"

        assert await database.transact(work) == "done"
        assert tries == 3
        async with database.read() as session:
            assert await session.scalar(select(T.c.description)) == "x"

    async def test_it_gives_up_in_the_end(self, database: Database) -> None:
        tries = 0

        async def work(session: WriteSession) -> None:
            nonlocal tries
            tries += 1
            raise OperationalError("UPDATE", {}, Exception("database is locked"))

        with pytest.raises(OperationalError):
            await database.transact(work, attempts=3)
        assert tries == 3

    async def test_what_the_database_refused_is_not_tried_again(self, database: Database) -> None:
        tries = 0

        async def work(session: WriteSession) -> None:
            nonlocal tries
            tries += 1
            await session.execute(text("SELECT * FROM no_such_table"))

        error = await refused(lambda: database.transact(work))
        assert (tries, is_transient(error), is_away(error)) == (1, False, False)


class TestWhatIsRefused:
    """Bad values: trying again never helps, and a worker that took them for a lost connection would try for ever."""

    async def test_a_value_that_is_missing(self, database: Database) -> None:
        await self.check(database, lambda: world.add_task(database, description=SECRET, command=None))

    async def test_a_key_that_exists(self, database: Database) -> None:
        (id_, _) = await world.add_executions(database, await world.add_task(database), 2)
        key = (await world.execution(database, id_)).fire_key
        other = id_ + 1
        await self.check(database, lambda: world.change(database, other, fire_key=key, stdout=SECRET))

    async def test_a_number_that_is_too_large(self, database: Database) -> None:
        await self.check(database, lambda: world.add_task(database, priority=2**70, description=SECRET))

    async def test_a_text_the_database_cannot_store(self, database: Database) -> None:
        bad: dict[str, list[str | None]] = {
            "postgresql": [f"{SECRET}\x00", f"{SECRET}\ud800"],
            "mysql": [SECRET * 100],
            "sqlite": [None],
        }
        for value in bad[database.dialect]:
            await self.check(database, lambda value=value: world.add_task(database, name=value))  # type: ignore[misc]

    async def check(self, database: Database, work: Callable[[], Awaitable[Any]]) -> None:
        with pytest.raises((DBAPIError, OverflowError)) as caught:
            await work()
        error: BaseException | None = caught.value
        assert error is not None
        assert not is_transient(error)
        assert not is_away(error)
        while error is not None:  # a log prints the whole chain
            assert SECRET not in str(error)
            error = error.__cause__ or error.__context__


class TestTheConnection:
    async def test_one_as_rota_makes_it_keeps_our_promises(self, database: Database) -> None:
        await database.check()

    @pytest.mark.parametrize("database_kind", ["mysql"])
    async def test_repeatable_read_is_refused(self, database: Database) -> None:
        database.engine.sync_engine.dialect._on_connect_isolation_level = "REPEATABLE READ"
        with pytest.raises(ConfigurationError, match="READ COMMITTED"):
            await database.check()

    @pytest.mark.parametrize("database_kind", ["mysql"])
    async def test_counting_only_changed_rows_is_refused(self, database: Database) -> None:
        found_rows = 2

        @event.listens_for(database.engine.sync_engine, "do_connect")
        def _without_found_rows(dialect: Any, record: Any, args: Any, options: dict[str, Any]) -> None:
            options["client_flag"] = options.get("client_flag", 0) & ~found_rows

        with pytest.raises(ConfigurationError, match="FOUND_ROWS"):
            await database.check()

    async def test_it_has_limits_so_that_nothing_holds_a_lock_for_ever(self, database: Database) -> None:
        asked = {
            "sqlite": ["PRAGMA busy_timeout", "PRAGMA journal_mode", "PRAGMA synchronous", "PRAGMA foreign_keys"],
            "postgresql": [
                "SHOW statement_timeout",
                "SHOW lock_timeout",
                "SHOW idle_in_transaction_session_timeout",
            ],
            "mysql": ["SELECT @@innodb_lock_wait_timeout, @@wait_timeout, @@time_zone"],
        }[database.dialect]
        async with database.read() as session:
            found = [tuple((await session.execute(text(question))).one()) for question in asked]
            if database.dialect == "mysql" and "MariaDB" in str(await session.scalar(text("SELECT VERSION()"))):
                assert await session.scalar(text("SELECT @@idle_transaction_timeout")) == 10
        expected: dict[str, list[tuple[Any, ...]]] = {
            "sqlite": [(10_000,), ("wal",), (2,), (1,)],
            "postgresql": [("10s",), ("3s",), ("10s",)],
            "mysql": [(5, 60, "+00:00")],
        }
        assert found == expected[database.dialect]

    async def test_a_reader_on_sqlite_does_not_queue_behind_a_writer(self, database: Database) -> None:
        await world.add_executions(database, await world.add_task(database))
        async with database.write() as session:
            await session.execute(update(E).values(priority=1))
            async with asyncio.timeout(60), database.read() as reader:
                assert await reader.scalar(select(E.c.priority)) == 50
