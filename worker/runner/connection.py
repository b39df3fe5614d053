"""One connection of a worker. It never blocks the runner: what a worker does not read is dropped or stays spooled."""

import asyncio
from collections.abc import Callable
from typing import cast

from worker.runner import log
from worker.runner.protocol import Lines, Message, encode

ROOM = 1 << 20  # bytes unsent, above which nothing more is offered
GIVE_UP = 256 << 20  # bytes unsent, above which the peer is taken for gone; it gets all again when it comes back


class Connection(asyncio.Protocol):
    """Takes messages apart for `received`; says `writable` when there is room again, `lost` at the end."""

    def __init__(
        self,
        received: Callable[["Connection", Message], None],
        writable: Callable[[], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        self._received = received
        self._writable = writable
        self._lost = lost
        self._lines = Lines()
        self._transport: asyncio.Transport | None = None
        self.roomy = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=ROOM)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._lines.feed(data):
                if self._transport is not None:
                    self._received(self, message)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            log.event("bad_message", error=repr(error))
            self.close()

    def pause_writing(self) -> None:
        self.roomy = False

    def resume_writing(self) -> None:
        self.roomy = True
        self._writable()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    def send(self, message: Message) -> None:
        """Sends one message."""
        self.write(encode(message))

    def write(self, line: bytes) -> None:
        """Sends one line; cuts off a peer that has not read for too long."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > GIVE_UP:
            log.event("worker_does_not_read")
            self.close()
        else:
            self._transport.write(line)

    def close(self) -> None:
        """Cuts the connection; nothing more is taken from it."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()
