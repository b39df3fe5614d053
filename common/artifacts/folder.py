"""The store in a folder, which all processes of Rota must see."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from common.artifacts.store import PIECE, Missing, StoreError


class FolderStore:
    """Files below `path`, made when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.place = f"folder {self._path}"

    def put(self, key: str, file: IO[bytes]) -> None:
        """Write beside its place, have it on the disk, and move it there."""
        path = self._path / key
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            try:
                _write(beside, file)
                beside.replace(path)
                _sync(path.parent)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.place}: {error.strerror}") from error

    def open(self, key: str) -> Iterator[bytes]:
        """The file in pieces."""
        try:
            file = (self._path / key).open("rb")
        except FileNotFoundError as error:
            raise Missing(f"{self.place} does not have {key}") from error
        except OSError as error:
            raise StoreError(f"{self.place}: {error.strerror}") from error
        return _pieces(file)

    def delete(self, key: str) -> None:
        """Delete the file, and its folder with the last one."""
        try:
            (self._path / key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.place}: {error.strerror}") from error
        with suppress(OSError):
            (self._path / key).parent.rmdir()


def _write(path: Path, file: IO[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while piece := file.read(PIECE):
            out.write(piece)
        out.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    """Have the name on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
