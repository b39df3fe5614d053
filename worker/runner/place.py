"""A runner's directory: one runner at a time (lock), one socket, one spool."""

import fcntl
import os
import socket
from pathlib import Path

SOCKET = "runner.sock"


class PlaceTaken(Exception):
    """Another runner lives in this directory."""


class Place:
    """Takes the directory (made 0700 where missing) for the life of this process; raises PlaceTaken."""

    def __init__(self, directory: str) -> None:
        self.path = Path(directory).absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        # The lock goes with the process, however it dies: its descriptor is not inherited by any task.
        self._lock = os.open(self.path / "runner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise PlaceTaken(directory) from error

    @property
    def spool(self) -> Path:
        """The spool's file."""
        return self.path / "spool.db"

    def listen(self) -> socket.socket:
        """Returns the listening socket (0600, non-blocking); what a dead predecessor left there goes."""
        (self.path / SOCKET).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        umask = os.umask(0o177)
        try:
            with _Handle(self.path) as address:
                listener.bind(address)
        finally:
            os.umask(umask)
        listener.listen(16)
        return listener

    def reachable(self) -> bool:
        """Whether a worker could still find the socket; not so when the directory was deleted."""
        return (self.path / SOCKET).exists()

    def leave(self) -> None:
        """Takes the socket away. The lock stays until the process is gone."""
        (self.path / SOCKET).unlink(missing_ok=True)


def connect(directory: str | Path) -> socket.socket:
    """Returns a non-blocking connection to the runner in this directory; OSError when none listens."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _Handle(Path(directory)) as address:
            client.connect(address)
    except OSError:
        client.close()
        raise
    client.setblocking(False)
    return client


class _Handle:
    """A short address of the socket: AF_UNIX allows 108 bytes, a data directory may be longer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> str:
        self._fd = os.open(self._directory, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._fd}/{SOCKET}"

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
