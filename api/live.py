"""What tells open pages that something has changed: a stream of hints, never of data.

A page that is told asks for its parts again, with its reader's rights. So a hint needs no rights of its own, one that
is lost costs seconds (pages ask by themselves too), and a stream that breaks is simply opened again.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager

import structlog

from common.db.session import Database
from common.db.wakeup import Topic, Wakeup
from common.process import pause
from common.queries import overview

log = structlog.get_logger()
#: Streams that one person may have open: a window each, while it is looked at.
MOST_STREAMS = 12
#: Seconds: the shortest time between two hints, silence after which a sign of life is sent, life of a stream. When that
#: is over the browser opens a new one, and who has signed out by then is no longer told.
_GAP, _SILENCE, _LIFE = 1.0, 15.0, 240.0
_POLL = 2.0


class Listener:
    """One open stream: the topics that it has not been told of yet."""

    def __init__(self) -> None:
        self.topics: set[Topic] = set()
        self.told = asyncio.Event()

    def tell(self, topics: set[Topic]) -> None:
        """Add to what it will be told."""
        self.topics |= topics
        self.told.set()

    def take(self) -> set[Topic]:
        """What has come together since the last time."""
        taken, self.topics = self.topics, set()
        self.told.clear()
        return taken


class Live:
    """The streams of this process. It begins to listen to the database with the first one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = {topic: asyncio.Event() for topic in Topic}
        self._listeners: dict[int, list[Listener]] = {}
        self._stop = asyncio.Event()
        self._work: list[asyncio.Task[None]] = []

    def close(self) -> None:
        """End all streams: a server that is to stop does not wait for browsers."""
        self._stop.set()

    @contextmanager
    def taking(self, user_id: int) -> Iterator[None]:
        """Count a stream that looks for itself (`rest`) among those somebody has open."""
        with self._listening(Listener(), user_id):
            yield

    async def rest(self, seconds: float) -> bool:
        """Wait so long; False when all streams are to end."""
        await pause(seconds, self._stop)
        return not self._stop.is_set()

    @contextmanager
    def _listening(self, listener: Listener, user_id: int) -> Iterator[None]:
        mine = self._listeners.setdefault(user_id, [])
        mine.append(listener)
        try:
            yield
        finally:
            mine.remove(listener)
            if not mine:
                del self._listeners[user_id]

    def is_full(self, user_id: int) -> bool:
        """Whether somebody has as many streams open as they may."""
        return len(self._listeners.get(user_id, ())) >= MOST_STREAMS

    async def topics(self, user_id: int) -> AsyncIterator[set[Topic]]:
        """What changes from now on, as it changes; an empty set where a sign of life is due. Ends by itself."""
        self._start()
        listener = Listener()
        loop = asyncio.get_running_loop()
        end = loop.time() + _LIFE
        with self._listening(listener, user_id):
            yield set()
            while not self._stop.is_set() and loop.time() < end:
                await pause(_SILENCE, listener.told, self._stop)
                yield listener.take()
                await pause(_GAP, self._stop)

    def _start(self) -> None:
        if self._work or self._stop.is_set():
            return
        url = self._database.engine.url.render_as_string(hide_password=False)
        hints = {topic: [event] for topic, event in self._events.items()}
        work = [Wakeup(url, hints, bells=self._database.bells).run(self._stop), self._pass_on()]
        if self._database.dialect == "mysql":
            work.append(self._poll())
        self._work = [asyncio.ensure_future(self._guard(each)) for each in work]

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception:  # pages go on by asking; the server must not end for it
            log.exception("live pages stopped")

    async def _pass_on(self) -> None:
        while not self._stop.is_set():
            await pause(None, self._stop, *self._events.values())
            told = {topic for topic, event in self._events.items() if event.is_set()}
            for topic in told:
                self._events[topic].clear()
            for mine in self._listeners.values():
                for listener in mine:
                    listener.tell(told)

    async def _poll(self) -> None:
        """MySQL tells nobody elsewhere: look whether something was queued or has ended, while anybody listens."""
        before: object = None
        while not self._stop.is_set():
            await pause(_POLL, self._stop)
            if not self._listeners:
                continue
            try:
                async with self._database.read() as session:
                    now = await overview.signature(session)
            except Exception as error:
                log.warning("live pages: database away", error=type(error).__name__)
                continue
            if before not in (None, now):
                self._events[Topic.QUEUE].set()
                self._events[Topic.ENDED].set()
            before = now
