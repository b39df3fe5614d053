"""Bells: whoever has written tells the other processes on this machine at once, where the database cannot.

Each listener has a socket in a folder they share, and each ring is a datagram into every one of them. A ring that gets
lost costs nothing but time: polling stays the truth.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import structlog

from common.config import Settings

log = structlog.get_logger()
_MOST = 4096  # bytes of one ring


class Bells:
    """Those in `folder`, which is made (0700) where it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd: int | None = None
        self._line: socket.socket | None = None

    def ring(self, words: Collection[str]) -> None:
        """Say `words` to everybody who listens; never waits, never raises."""
        message = ",".join(sorted(words)).encode()
        with contextlib.suppress(OSError):
            if self._line is None:
                self._line = _datagrams()
            for name in os.listdir(self._opened()):
                try:
                    self._line.sendto(message, self._address(name))
                except ConnectionRefusedError:  # it is gone, and had no time to take its bell along
                    os.unlink(name, dir_fd=self._opened())
                except BlockingIOError:  # it has rings enough to wake up from
                    pass

    @contextlib.contextmanager
    def listening(self, heard: Callable[[list[str]], None]) -> Iterator[None]:
        """Call `heard` with the words of each ring, for the length of a `with` block in a running event loop.

        Where the system allows no such socket nothing is heard.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._answering(heard))
            except OSError as error:
                log.warning("no bell: other processes are noticed by polling", error=str(error))
            yield

    def close(self) -> None:
        """Give back what is open; a later ring opens it again."""
        if self._line is not None:
            self._line.close()
        if self._fd is not None:
            os.close(self._fd)
        self._line = self._fd = None

    @contextlib.contextmanager
    def _answering(self, heard: Callable[[list[str]], None]) -> Iterator[None]:
        name = secrets.token_hex(8)
        loop = asyncio.get_running_loop()
        with _datagrams() as bell:
            bell.bind(self._address(name))
            loop.add_reader(bell, _answer, bell, heard)
            try:
                yield
            finally:
                loop.remove_reader(bell)
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self._opened())

    def _opened(self) -> int:
        if self._fd is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._fd

    def _address(self, name: str) -> str:
        """A short one: AF_UNIX allows 108 bytes, a data folder may be longer."""
        return f"/proc/self/fd/{self._opened()}/{name}"


def bells_of(settings: Settings) -> Bells:
    """Those of all processes that share this data folder."""
    return Bells(settings.data_dir / "bells")


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def _answer(bell: socket.socket, heard: Callable[[list[str]], None]) -> None:
    with contextlib.suppress(OSError):
        heard(bell.recv(_MOST).decode("utf-8", "replace").split(","))
