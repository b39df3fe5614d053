"""Databases for tests: migrated once a session for each engine, then a fresh one for every test in milliseconds.

PostgreSQL copies a template, SQLite copies a file. MariaDB can do neither quickly, so one database is emptied again.
"""

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from common.db.migrate import upgrade

SQLITE, POSTGRESQL, MYSQL = "sqlite", "postgresql", "mysql"
KINDS = (SQLITE, POSTGRESQL, MYSQL)


class Databases(Protocol):
    """Where tests get databases of one kind."""

    async def close(self) -> None:
        """Remove what all tests shared."""

    def migrated(self) -> AbstractAsyncContextManager[str]:
        """The URL of a database at the newest revision, without a row of an earlier test."""

    def empty(self) -> AbstractAsyncContextManager[str]:
        """The URL of a database without a table: for tests of migrations."""


class SqliteDatabases:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template: Path | None = None

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        if self._template is None:
            template = self._folder / "template.db"
            await upgrade(_sqlite_url(template))
            self._template = template
        async with self.empty() as url:
            shutil.copy(self._template, make_url(url).database or "")
            yield url

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        path = self._folder / f"{_new_name()}.db"
        yield _sqlite_url(path)
        for part in self._folder.glob(f"{path.name}*"):
            part.unlink()

    async def close(self) -> None:
        if self._template is not None:
            self._template.unlink()


class _ServerDatabases:
    """Databases of a server; the URL needs the right to create them."""

    drop_option = ""

    def __init__(self, server_url: str) -> None:
        self._server_url = make_url(server_url)
        self._admin = create_async_engine(server_url, isolation_level="AUTOCOMMIT", pool_size=1)
        self._prepared: str | None = None

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        async with self._database() as name:
            yield self._url(name)

    async def close(self) -> None:
        if self._prepared is not None:
            await self._execute(f"DROP DATABASE {self._prepared} {self.drop_option}")
        await self._admin.dispose()

    async def _prepare(self) -> str:
        if self._prepared is None:
            name = _new_name()
            await self._execute(f"CREATE DATABASE {name}")
            await upgrade(self._url(name))
            self._prepared = name
        return self._prepared

    @asynccontextmanager
    async def _database(self, option: str = "") -> AsyncIterator[str]:
        name = _new_name()
        await self._execute(f"CREATE DATABASE {name} {option}")
        try:
            yield name
        finally:
            await self._execute(f"DROP DATABASE {name} {self.drop_option}")

    async def _execute(self, statement: str) -> None:
        async with self._admin.connect() as connection:
            await connection.exec_driver_sql(statement)

    def _url(self, name: str) -> str:
        return self._server_url.set(database=name).render_as_string(hide_password=False)


class PostgresqlDatabases(_ServerDatabases):
    """A copy of a template for each test."""

    drop_option = "WITH (FORCE)"

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        async with self._database(f"TEMPLATE {await self._prepare()} STRATEGY file_copy") as name:
            yield self._url(name)


class MysqlDatabases(_ServerDatabases):
    """One database, emptied after each test."""

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        name = await self._prepare()
        try:
            yield self._url(name)
        finally:
            async with self._admin.connect() as connection:
                await _disconnect_others(connection, name)
                await _truncate_what_was_written(connection, name)


async def _disconnect_others(connection: AsyncConnection, name: str) -> None:
    """A connection left open by a killed process would hold its locks into the next test."""
    others = await connection.scalars(
        text("SELECT id FROM information_schema.processlist WHERE db = :name AND id <> CONNECTION_ID()"), {"name": name}
    )
    for other in others.all():
        with suppress(OperationalError):  # it may have gone by itself
            await connection.execute(text(f"KILL {other}"))


async def _truncate_what_was_written(connection: AsyncConnection, name: str) -> None:
    """Each TRUNCATE costs a file, so only where there are or were rows; ids then start at 1 again."""
    await connection.execute(text("SET foreign_key_checks = 0, lock_wait_timeout = 5"))
    tables = await connection.execute(
        text("SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = :name"),
        {"name": name},
    )
    for table, next_id in tables.all():
        rows = text(f"SELECT EXISTS (SELECT 1 FROM {name}.{table})")
        if table != "alembic_version" and ((next_id or 1) > 1 or await connection.scalar(rows)):
            await connection.execute(text(f"TRUNCATE TABLE {name}.{table}"))


def _new_name() -> str:
    return f"rota_test_{secrets.token_hex(6)}"


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"
