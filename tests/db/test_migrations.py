"""The schema that migrations make, and how processes that start together come to it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from common.db import migrate
from common.db.models import metadata
from common.db.schema import HEAD, ensure_schema, revision
from common.db.session import Database
from common.errors import ConfigurationError
from tests.support import world

ROOT = Path(__file__).resolve().parents[2]


async def tables(database: Database) -> set[str]:
    def names(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    async with database.engine.connect() as connection:
        return await connection.run_sync(names)


async def differences(database: Database) -> list[Any]:
    """What alembic would write into a new migration."""

    def compare(connection: Connection) -> list[Any]:
        options = migrate.configure_options()
        options.pop("target_metadata")
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


@pytest.fixture
async def empty(empty_database_url: str) -> Any:
    database = Database(empty_database_url)
    yield database
    await database.dispose()


def test_the_revision_known_without_alembic_is_the_newest_script() -> None:
    assert migrate.head() == HEAD


async def test_from_nothing_up_down_one_and_up_again_equals_the_models(
    empty: Database, empty_database_url: str
) -> None:
    assert await revision(empty) is None
    await migrate.upgrade(empty_database_url)
    assert await differences(empty) == []
    assert await revision(empty) == HEAD
    task = await world.add_task(empty)

    await migrate.downgrade(empty_database_url)
    assert await revision(empty) != HEAD
    if HEAD == "0001":
        assert await tables(empty) == {"alembic_version"}

    await migrate.upgrade(empty_database_url)
    assert await differences(empty) == []
    assert await world.add_task(empty) >= (task if HEAD != "0001" else 1)


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])  # MySQL's is used again by the next test
async def test_a_difference_would_be_seen(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("DROP INDEX ix_executions_claim"))
        await session.execute(text("ALTER TABLE tasks DROP COLUMN max_history"))
    found = {difference[0] for difference in await differences(database)}
    assert found == {"add_index", "add_column"}


async def test_starting_on_a_current_database_migrates_nothing(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(url: str) -> None:
        raise AssertionError("there was nothing to do")

    monkeypatch.setattr(migrate, "upgrade", refuse)
    await ensure_schema(database, database_url)


async def test_what_another_process_migrates_meanwhile_is_waited_for(
    empty: Database, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = migrate.upgrade

    async def refuse(url: str) -> None:
        raise AssertionError("another process did it")

    monkeypatch.setattr(migrate, "upgrade", refuse)
    waiting = asyncio.create_task(ensure_schema(empty, empty_database_url, patience=60))
    await upgrade(empty_database_url)
    await waiting


async def test_what_nobody_migrates_is_not_waited_for_longer(empty: Database, empty_database_url: str) -> None:
    await ensure_schema(empty, empty_database_url, patience=0.01)
    assert await revision(empty) == HEAD


async def test_upgrading_a_current_database_keeps_what_is_in_it(database: Database, database_url: str) -> None:
    task = await world.add_task(database)
    await migrate.upgrade(database_url)
    assert [row.task_id for row in [await world.schedule(database, await world.add_schedule(database, task))]] == [task]


async def test_a_database_of_a_newer_program_is_refused_with_a_reason(empty: Database, empty_database_url: str) -> None:
    await migrate.upgrade(empty_database_url)
    async with empty.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        await ensure_schema(empty, empty_database_url)


async def test_four_processes_that_start_together_migrate_once(empty: Database, empty_database_url: str) -> None:
    """`starting.py` waits with four processes until all are ready; the one that migrates says so."""
    command = (sys.executable, "-W", "error", "-m", "tests.db.starting", "4")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(empty_database_url.encode())
    assert sorted(said.decode().split()) == ["created", "ready", "ready", "ready", "ready"]
    assert await differences(empty) == []
