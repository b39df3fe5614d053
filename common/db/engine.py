"""How Rota connects: one engine a process, with the settings each database needs to keep our promises.

SQLite: SQLAlchemy drops FOR UPDATE there without a word, so a write transaction begins IMMEDIATE (measured: eight
processes made 3,288 double claims of 1,500 rows without it, none with it). MySQL and MariaDB run READ COMMITTED:
under the default level an empty claim locks a gap and inserts hang. PostgreSQL gets limits on statements and locks,
so that a connection nobody answers does not hang for ever.
"""

import json
import re
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from common.errors import ConfigurationError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
}
#: How asyncpg words an argument that it cannot send.
_ARGUMENT = re.compile(r"(invalid input for query argument \$\d+): .*", re.DOTALL)
#: Execution option: how a transaction on SQLite begins.
BEGIN_OPTION = "rota_sqlite_begin"
#: Seconds for which a connection that was just used is taken to be alive.
_FRESH = 1.0


def normalise_url(text: str) -> URL:
    """Parse a database URL and put in the driver Rota uses; raises ConfigurationError."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigurationError("ROTA_DATABASE_URL: not a database URL.") from None
    name = url.get_backend_name()
    if name not in _DRIVERS:
        raise ConfigurationError(
            f"ROTA_DATABASE_URL: {name} is not supported; use sqlite+aiosqlite, postgresql+asyncpg or mysql+aiomysql."
        )
    url = url.set(drivername=_DRIVERS[name])
    return url.update_query_dict({"charset": "utf8mb4"}) if name in ("mysql", "mariadb") else url


def create_engine(
    text: str,
    *,
    pool_size: int = 10,
    synchronous: str = "FULL",
    command_timeout: float | None = 15,
    foreign_keys: bool = True,
    at_once: bool = False,
) -> AsyncEngine:
    """An engine for the URL; `synchronous` is SQLite's (FULL: a power cut loses nothing that was committed).

    `command_timeout`: seconds after which a server's answer is no longer waited for; without it a connection whose
    packets vanish hung for ever (reliability.md, 2).
    `foreign_keys` is SQLite's: whether it keeps to them; migrations switch them off.
    `at_once` is for processes that run small statements all the time and try again what failed: SQLite's are run by
    the event loop's thread (common/db/sqlite.py), and a connection that was just used is not asked whether it lives.
    """
    url = normalise_url(text)
    options: dict[str, Any] = {
        "hide_parameters": True,  # a failing statement would print secrets
        "json_serializer": lambda value: json.dumps(value, ensure_ascii=False),
        "pool_size": pool_size,
        "max_overflow": pool_size,
        "pool_timeout": 10,
        "pool_recycle": 1500,
        # The one that was just used has the statements prepared, and the pages in its cache.
        "pool_use_lifo": True,
        "pool_pre_ping": not at_once and url.get_backend_name() != "sqlite",
    }
    match url.get_backend_name():
        case "sqlite" if at_once:
            from common.db import sqlite

            options["connect_args"] = {"async_creator_fn": sqlite.connection}
        case "postgresql":
            options["connect_args"] = {
                "timeout": 10,
                "command_timeout": command_timeout,
                "server_settings": {
                    "application_name": "rota",
                    "statement_timeout": "10000",
                    "lock_timeout": "3000",
                    "idle_in_transaction_session_timeout": "10000",
                    "tcp_keepalives_idle": "15",
                    "tcp_keepalives_interval": "5",
                    "tcp_keepalives_count": "3",
                },
            }
        case "mysql":
            from common.db import mysql

            options["isolation_level"] = "READ COMMITTED"
            options["connect_args"] = {
                "async_creator_fn": mysql.connect,
                "connect_timeout": 10,
                "answer_timeout": command_timeout,
                "init_command": "SET time_zone = '+00:00', innodb_lock_wait_timeout = 5, wait_timeout = 60"
                # A process that freezes in a transaction must not keep its locks. MySQL proper reads no /*M! … */.
                " /*M!100300 , idle_transaction_timeout = 10 */",
            }
    engine = create_async_engine(url, **options)
    match url.get_backend_name():
        case "sqlite":
            _prepare_sqlite(engine.sync_engine, synchronous, foreign_keys=foreign_keys)
        case "postgresql":
            _hide_values(engine.sync_engine)
    if at_once and url.get_backend_name() != "sqlite":
        _ask_the_idle(engine.sync_engine)
    return engine


def _ask_the_idle(engine: Engine) -> None:
    """Ask a connection that was not used for a moment whether it lives, before it is used again.

    SQLAlchemy's own pool_pre_ping asks each time, which is a fifth of a small transaction.
    """

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def _used(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
        if _is_cut(record.driver_connection):
            raise InvalidatePoolError
        if time.monotonic() - record.info["used"] < _FRESH:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            if engine.dialect.is_disconnect(error, connection, None):
                raise InvalidatePoolError from error
            raise


def _is_cut(connection: Any) -> bool:
    """Whether the other side has hung up, as far as this side has heard."""
    if hasattr(connection, "is_closed"):  # asyncpg
        return bool(connection.is_closed())
    return bool(connection.closed or connection._reader.at_eof())


def _hide_values(engine: Engine) -> None:
    """Keep values out of error texts: PostgreSQL's DETAIL repeats a whole refused row, the driver a refused argument.

    `hide_parameters` does not reach that far.
    """

    @event.listens_for(engine, "handle_error")
    def _handle(context: ExceptionContext) -> None:
        error: BaseException | None = context.sqlalchemy_exception
        while error is not None:
            if hasattr(error, "detail") and isinstance(error.detail, str):
                error.detail = None
            error.args = tuple(_without_values(item) if isinstance(item, str) else item for item in error.args)
            error = error.__cause__ or getattr(error, "orig", None)


def _without_values(text: str) -> str:
    return _ARGUMENT.sub(r"\1", text.partition("\nDETAIL:")[0])


def _prepare_sqlite(engine: Engine, synchronous: str, *, foreign_keys: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "busy_timeout=10000",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
            "temp_store=MEMORY",
            "journal_size_limit=67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN IMMEDIATE"))
