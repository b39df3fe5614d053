"""Wake-ups: a hint that another process has written something. Polling stays the truth.

PostgreSQL tells through LISTEN/NOTIFY. On SQLite `PRAGMA data_version` says that something was written (microseconds to
ask, so it is asked often), and a counter in `facts` about what. MySQL has nothing of the kind and its users poll. On
both, processes of one machine that share a data folder ring each other's bells as well.

A hint names its topics: when everything woke everybody, one execution cost eight transactions that found nothing.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

import asyncpg
import structlog
from sqlalchemy import Integer, cast
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, make_url

from common.db.bells import Bells
from common.db.engine import normalise_url
from common.db.functions import utc_clock
from common.db.models import Fact, table_of
from common.db.session import Database, WriteSession
from common.process import pause

log = structlog.get_logger()
_CHANNEL = "rota"
#: Seconds between two looks at SQLite's data_version, without and with a bell that tells sooner: on an idle machine 40
#: looks a second by three processes are a twentieth of a core.
_SQLITE_POLL, _SQLITE_POLL_WITH_BELLS = 0.025, 0.2
_RECONNECT = 2.0
#: InternalClientError is what asyncpg says when the connection goes while it is being used.
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
_PREFIX = "wake:"
F = table_of(Fact)


class Topic(StrEnum):
    """What a hint is about."""

    #: Schedules or tasks were changed: there may be something to fire.
    SCHEDULES = "schedules"
    #: Something was queued: there may be something to claim.
    QUEUE = "queue"
    #: Somebody wants something stopped.
    CANCEL = "cancel"
    #: Something has ended: what waited for it may go on.
    ENDED = "ended"
    #: There is new output.
    OUTPUT = "output"


async def notify(session: WriteSession, *topics: Topic) -> None:
    """Wake those who listen to one of `topics` (none given: everybody) when this transaction commits."""
    told = sorted(topics or Topic)
    dialect = session.get_bind().dialect.name
    if dialect == "postgresql":
        # Past SQLAlchemy's compiler: it is part of what a task waits for.
        await (await session.connection()).exec_driver_sql(f"NOTIFY {_CHANNEL}, '{','.join(told)}'")
    else:
        session.ring(told)
        if dialect == "sqlite":
            fact = sqlite.insert(F).values([{"id": _PREFIX + topic, "value": "1", "at": utc_clock()} for topic in told])
            await session.execute(
                fact.on_conflict_do_update(index_elements=[F.c.id], set_={"value": cast(F.c.value, Integer) + 1})
            )


class Wakeup:
    """Sets the events of a topic when another process says that it may have written something about it."""

    def __init__(
        self, url: str, events: Mapping[Topic, Sequence[asyncio.Event]], *, bells: Bells | None = None
    ) -> None:
        self._url: URL = make_url(normalise_url(url))
        self._events = events
        self._bells = bells

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set; a lost connection is tried again for ever."""
        backend = self._url.get_backend_name()
        if backend == "postgresql":
            await self._listen(stop)
            return
        with self._bells.listening(self._wake) if self._bells else contextlib.nullcontext():
            if backend == "sqlite":
                await self._watch_sqlite(stop)
            else:
                await stop.wait()

    def _wake(self, topics: Collection[str]) -> None:
        for topic, events in self._events.items():
            if topic in topics:
                for event in events:
                    event.set()

    async def _watch_sqlite(self, stop: asyncio.Event) -> None:
        connection = sqlite3.connect(self._url.database or "", timeout=1)
        try:
            seen, told = None, _told(connection)
            while not stop.is_set():
                with contextlib.suppress(sqlite3.OperationalError):  # locked for a moment: asked again soon
                    version = connection.execute("PRAGMA data_version").fetchone()
                    if version != seen:
                        before, told = told, _told(connection)
                        self._wake([topic for topic, count in told.items() if before.get(topic) != count])
                        seen = version
                await pause(_SQLITE_POLL_WITH_BELLS if self._bells else _SQLITE_POLL, stop)
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
                await connection.add_listener(_CHANNEL, lambda *message: self._wake(message[-1].split(",")))
                self._wake(list(Topic))
                await pause(None, stop, lost)
            except _AWAY as error:  # it went between two steps; that must not end the process
                log.warning("wake-up connection lost", error=type(error).__name__)
                await pause(_RECONNECT, stop)
            finally:
                with contextlib.suppress(*_AWAY):
                    await connection.close(timeout=2)


def _told(connection: sqlite3.Connection) -> dict[str, str]:
    """How often each topic was told of."""
    rows = connection.execute("SELECT id, value FROM facts WHERE id >= ? AND id < ?", (_PREFIX, _PREFIX + "\x7f"))
    return {name.removeprefix(_PREFIX): str(value) for name, value in rows}


def longest_wait(database: Database) -> float:
    """Seconds for which what is planned may be taken to be as it was. Where only polling tells, this is how late a
    schedule can be for once that was changed on another machine at the last moment."""
    return 0.5 if database.dialect == "mysql" else 1.0


def poll_interval(database: Database) -> float:
    """Seconds a loop may sleep at most: long where a wake-up comes, short where only polling tells."""
    return 0.2 if database.dialect == "mysql" else 1.0
