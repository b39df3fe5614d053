"""A TCP proxy that misbehaves on demand: what lies between a process and its database, in the hands of a test."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from enum import Enum, auto

from common.process import pause

_READ = 1 << 16
#: How both drivers word it: asyncpg as a simple query, aiomysql as COM_QUERY.
_COMMIT = b"COMMIT"
#: SO_LINGER with zero seconds: closing sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)


class Mode(Enum):
    """What happens to what comes."""

    PASS = auto()
    #: Connections stay, new ones are accepted, nothing goes through until another mode; then it does, late.
    BLACK_HOLE = auto()
    #: Connections are reset, new ones too.
    RESET = auto()
    #: Connections are reset, and nobody listens.
    REFUSE = auto()
    #: A COMMIT goes through, its reply does not: the connection is reset in between.
    DROP_REPLY_OF_COMMIT = auto()
    #: Everything comes `delay` seconds late.
    DELAY = auto()


class Proxy:
    """Listens on a port of 127.0.0.1 that stays the same in every mode; part of the running event loop."""

    def __init__(self, host: str, port: int, *, delay: float = 0.2) -> None:
        self._target = (host, port)
        self._delay = delay
        self.mode = Mode.PASS
        #: Replies to COMMIT that were dropped.
        self.dropped = 0
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        # Bound and not listening: it keeps the port while nobody listens.
        self._holder = _bound(0)
        self.port = int(self._holder.getsockname()[1])

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, sock=_bound(self.port))

    async def set(self, mode: Mode) -> None:
        """Behave like this from now on, with the connections there are as well."""
        self.mode = mode
        if mode is Mode.BLACK_HOLE:
            self._open.clear()
        if mode in (Mode.RESET, Mode.REFUSE):
            self.reset()
        if mode is not Mode.BLACK_HOLE:
            self._open.set()
        if mode is Mode.REFUSE and self._server is not None:
            self._server.close()
            self._server = None
        elif mode is not Mode.REFUSE and self._server is None:
            await self.start()

    def reset(self) -> None:
        """Reset every connection there is, once."""
        for writer in self._writers:
            _reset(writer)

    async def close(self) -> None:
        """End every connection and free the port."""
        if self._server is not None:
            self._server.close()
        self._holder.close()
        for link in self._links:
            link.cancel()
        self.reset()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            with self._known(writer), contextlib.suppress(OSError):
                await self._link(reader, writer)
        except asyncio.CancelledError:
            # Only `close` does this; passed on, the stream protocol would report it as an error.
            pass
        finally:
            self._links.discard(link)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.RESET:
            return
        await self._open.wait()
        there, back = await asyncio.open_connection(*self._target)
        with self._known(back):
            cut = asyncio.Event()
            forth = asyncio.ensure_future(self._requests(reader, back, cut))
            replies = asyncio.ensure_future(self._replies(there, writer, cut))
            try:
                await asyncio.wait((forth, replies), return_when=asyncio.FIRST_COMPLETED)
            finally:
                forth.cancel()
                replies.cancel()
                await asyncio.gather(forth, replies, return_exceptions=True)

    async def _requests(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while data := await self._next(source):
            to.write(data)
            if self.mode is Mode.DROP_REPLY_OF_COMMIT and _COMMIT in data:
                cut.set()
                self.dropped += 1
                to.close()  # not reset: the server shall read what was sent
                return
            await to.drain()

    async def _replies(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while (data := await self._next(source)) and not cut.is_set():
            to.write(data)
            await to.drain()

    async def _next(self, source: asyncio.StreamReader) -> bytes:
        data = await source.read(_READ)
        await self._open.wait()
        if self.mode is Mode.DELAY:
            await pause(self._delay)
        return data

    @contextlib.contextmanager
    def _known(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            _reset(writer)


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    found.setblocking(False)
    return found


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy for the length of a `with` block."""
    made = Proxy(host, port)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
