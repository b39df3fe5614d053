"""Putting the files that tasks leave into the store, before their results are recorded.

Nothing here needs to be remembered: the runner keeps a task's folder until it is told that the database has the
result, and a file has the same key whoever puts it. So a worker that dies meanwhile leaves its successor all of it.
"""

import asyncio
import hashlib
import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

import structlog

from common.artifacts.store import Store, StoreError, key_of
from common.db.bulk import insert_ignore
from common.db.models import Artifact, table_of
from common.db.session import WriteSession
from common.process import backoff, pause
from common.queue.claims import Claim, Key
from worker.book import Wakes
from worker.reports import open_file
from worker.runner.folders import FILES
from worker.runner.protocol import Message

log = structlog.get_logger()
R = table_of(Artifact)

#: Files of one attempt that are kept.
MOST_FILES = 100
_DEPTH = 5
_NAME = 255
#: Tries to reach a store, some half a minute in all, until the execution fails for want of it.
_TRIES = 6
#: Files that are sent at a time.
_AT_ONCE = 2
_KNOWN = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".log": "text/plain",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that the store has."""

    name: str
    size: int
    sha256: str
    key: str


@dataclass(slots=True)
class Collected:
    """What became of the files of one attempt: those in the store, what to tell about others, and why there are none
    although there should be."""

    files: list[Kept] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""


_NOTHING = Collected()


class Shelf:
    """Files on their way from folders to the store. `limit` is in bytes for one attempt; `days` is how long they stay
    where their task does not say."""

    def __init__(self, store: Store, wakes: Wakes, *, limit: int, days: int) -> None:
        self._store = store
        self._wakes = wakes
        self._limit = limit
        self._days = days
        self._found: dict[Key, Collected] = {}
        self._under_way: dict[Key, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def ready(self, message: Message) -> bool:
        """Whether the result can be recorded; if files must be put away first, that begins, and wakes its loop."""
        key = (message["id"], message["token"])
        folder: str | None = message.get("folder")
        if key in self._found or not folder or not _has_files(folder):
            return True
        if key not in self._under_way:
            task = asyncio.create_task(self._collect(key, folder))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return False

    def of(self, key: Key) -> Collected:
        """What became of the files of an attempt that is ready."""
        return self._found.get(key, _NOTHING)

    async def record(self, session: WriteSession, kept: Mapping[Key, Claim], *, now: datetime) -> None:
        """Write down the files of these attempts, in the transaction of their results."""
        rows: list[dict[str, Any]] = []
        for key, claim in kept.items():
            days = claim.spec.get("files_days") or self._days
            rows += [_row(key, claim, file, now, now + timedelta(days=days)) for file in self.of(key).files]
        if rows:
            await insert_ignore(session, R, rows)

    async def forget(self, done: Iterable[Key], dropped: Iterable[Key]) -> None:
        """Let go of what is recorded; the files of those `dropped` nobody will ask for."""
        for key in dropped:
            for file in self.of(key).files:
                with suppress(StoreError):
                    await asyncio.to_thread(self._store.delete, file.key)
        for key in done:
            self._found.pop(key, None)

    async def close(self) -> None:
        """Leave what is under way to a successor."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _collect(self, key: Key, folder: str) -> None:
        async with self._turn:
            found = Collected()
            for number in range(1, _TRIES + 1):
                try:
                    found = await asyncio.to_thread(self._put_all, key, folder)
                    break
                except StoreError as error:
                    log.warning("files not stored", execution=key[0], attempt=number, error=str(error))
                    found = Collected(problem="its files could not be put into the store; the worker's log says why")
                    await pause(backoff(number, base=1.0, cap=15.0))
        self._found[key] = found
        self._wakes.record.set()

    def _put_all(self, key: Key, folder: str) -> Collected:
        found = Collected()
        left = self._limit
        for number, parts in enumerate(_walk(folder)):
            name = _name(parts)
            if number == MOST_FILES:
                found.notes.append(f"More than {MOST_FILES} files: the others were not kept.")
                break
            try:
                descriptor = open_file(folder, *parts)
            except OSError:
                found.notes.append(f"{name} was not kept: it is not a plain file of the task's own.")
                continue
            with os.fdopen(descriptor, "rb") as file:
                size = os.fstat(descriptor).st_size
                if size > left:
                    found.notes.append(f"{name} was not kept: more than {self._limit:,} bytes of files.")
                    continue
                hashed = _Hashing(file, size)
                self._store.put(key_of(*key, number), cast("IO[bytes]", hashed))
            left -= hashed.size
            found.files.append(Kept(name, hashed.size, hashed.sha256.hexdigest(), key_of(*key, number)))
        return found


class _Hashing:
    """The first `left` bytes of a file, counted and hashed as they are read: somebody may still write to it."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self._file = file
        self._left = left
        self.size = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        left = self._left - self.size
        data = self._file.read(left if size < 0 else min(size, left))
        self.size += len(data)
        self.sha256.update(data)
        return data


def media_type(name: str) -> str:
    """What a file of this name holds."""
    suffix = Path(name).suffix.lower()
    return _KNOWN.get(suffix) or mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def _has_files(folder: str) -> bool:
    with suppress(OSError), os.scandir(os.path.join(folder, FILES)) as entries:
        return next(entries, None) is not None
    return False


def _walk(folder: str) -> Iterator[list[str]]:
    """The ways to all that is no folder, in order of names; links are not followed."""
    top = os.path.join(folder, FILES)
    try:
        for path, folders, names in os.walk(top):
            below = [FILES, *os.path.relpath(path, top).split(os.sep)] if path != top else [FILES]
            folders.sort()
            if len(below) > _DEPTH:
                folders.clear()
            # os.walk takes a link to a folder for a folder, and does not go into it.
            links = [name for name in folders if os.path.islink(os.path.join(path, name))]
            for name in sorted([*names, *links]):
                yield [*below, name]
    except OSError:
        return


def _name(parts: list[str]) -> str:
    """The name to show: what is no UTF-8 is replaced, what no database can hold left out."""
    text = "/".join(parts[1:]).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = "".join(character for character in text if character.isprintable()) or "file"
    return text if len(text) <= _NAME else f"…{text[-_NAME + 1 :]}"


def _row(key: Key, claim: Claim, file: Kept, now: datetime, until: datetime) -> dict[str, Any]:
    return {
        "execution_id": key[0],
        "token": key[1],
        "task_id": claim.task_id,
        "name": file.name,
        "media_type": media_type(file.name)[:100],
        "size": file.size,
        "sha256": file.sha256,
        "store_key": file.key,
        "created_at": now,
        "expires_at": until,
        "link_key": "",
    }
