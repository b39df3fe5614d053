"""Wake-ups: a hint that another process has written something. Polling stays the truth.

PostgreSQL tells through LISTEN/NOTIFY, SQLite through `PRAGMA data_version` (microseconds to ask, so it is asked
often), MySQL has nothing of the kind and its users poll.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from common.db.engine import normalise_url
from common.db.session import Database, WriteSession
from common.process import pause

log = structlog.get_logger()
_CHANNEL = "rota"
#: Seconds between two looks at SQLite's data_version: 40 looks a second cost 0.1 % of a core.
_SQLITE_POLL = 0.025
_RECONNECT = 2.0
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


async def notify(session: WriteSession) -> None:
    """Wake the other processes when this transaction commits."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"NOTIFY {_CHANNEL}"))


class Wakeup:
    """Sets every one of `events` when another process may have written something."""

    def __init__(self, url: str, events: Sequence[asyncio.Event]) -> None:
        self._url: URL = make_url(normalise_url(url))
        self._events = events

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set; a lost connection is tried again for ever."""
        match self._url.get_backend_name():
            case "sqlite":
                await self._watch_sqlite(stop)
            case "postgresql":
                await self._listen(stop)
            case _:
                await stop.wait()

    def _wake(self) -> None:
        for event in self._events:
            event.set()

    async def _watch_sqlite(self, stop: asyncio.Event) -> None:
        connection = sqlite3.connect(self._url.database or "", timeout=1)
        try:
            seen = None
            while not stop.is_set():
                with contextlib.suppress(sqlite3.OperationalError):  # locked for a moment: asked again soon
                    version = connection.execute("PRAGMA data_version").fetchone()
                    if seen is not None and version != seen:
                        self._wake()
                    seen = version
                await pause(_SQLITE_POLL, stop)
        finally:
            connection.close()

    async def _listen(self, stop: asyncio.Event) -> None:
        dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not stop.is_set():
            try:
                connection = await asyncpg.connect(dsn, timeout=10, command_timeout=15)
            except _AWAY as error:
                log.warning("wake-up connection failed", error=type(error).__name__)
                await pause(_RECONNECT, stop)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
            try:
                await connection.add_listener(_CHANNEL, lambda *_: self._wake())
                self._wake()
                await pause(None, stop, lost)
            except _AWAY as error:  # it went between two steps; that must not end the process
                log.warning("wake-up connection lost", error=type(error).__name__)
                await pause(_RECONNECT, stop)
            finally:
                with contextlib.suppress(*_AWAY):
                    await connection.close(timeout=2)


def poll_interval(database: Database) -> float:
    """Seconds a loop may sleep at most: long where a wake-up comes, short where only polling tells."""
    return 0.2 if database.dialect == "mysql" else 1.0
