"""What every store can do. Its calls wait for disks and networks: callers on an event loop use a thread."""

from collections.abc import Iterator
from typing import IO, Protocol

#: Bytes read or sent at a time: no file is ever in memory as a whole.
PIECE = 256 * 1024


class StoreError(Exception):
    """The store does not answer, or refuses; the text is for an administrator."""


class Missing(StoreError):
    """The store has no such file."""


class Store(Protocol):
    """Files by key. A key is made by us (`key_of`): letters, digits, "-", "_", "." and "/"."""

    #: Where the files are, for people: "folder /data/artifacts", "s3://bucket".
    place: str

    def put(self, key: str, file: IO[bytes]) -> None:
        """Keep what is left to read of `file`, in place of what may be there. All of it or nothing. Raises
        StoreError."""

    def open(self, key: str) -> Iterator[bytes]:
        """The file in pieces; raises Missing and StoreError at once, and not when the first piece is asked for."""

    def delete(self, key: str) -> None:
        """Delete the file, if it is there; raises StoreError."""


def key_of(execution_id: int, token: int, number: int) -> str:
    """Where a file of an attempt is kept: the same for the same file, so that it can be put again after a crash."""
    return f"{execution_id // 1000:06d}/{execution_id}-{token}-{number}"
