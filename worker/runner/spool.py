"""What must outlive the runner: a mark of each task begun, and each result until the database has it.

SQLite in WAL mode with synchronous=NORMAL: a commit survives the death of this process without waiting for the disk.
Whatever the disk refuses stays in memory, is offered again, and is handed to the worker all the same.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from worker.runner import log
from worker.runner.protocol import Key, Spec

SIZE_LIMIT = 1 << 30  # bytes of results waiting
DISK_LIMIT = 0.95  # share of the disk in use
VACUUM_ABOVE = 4096  # free pages worth giving back to the disk

_SCHEMA = """
CREATE TABLE IF NOT EXISTS marks (id INTEGER, token INTEGER, grace REAL, begun_at REAL, PRIMARY KEY (id, token));
CREATE TABLE IF NOT EXISTS results (seq INTEGER PRIMARY KEY, id INTEGER, token INTEGER, body BLOB);
"""


class Mark(NamedTuple):
    """A task that was begun and has no result: `grace` in seconds, `begun_at` in unix seconds."""

    id: int
    token: int
    grace: float
    begun_at: float


class Spool:
    """The file of one runner. `unacked` has the results the database does not have yet, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = False
        try:
            self._db = _open(path)
        except sqlite3.OperationalError:
            raise  # busy, or no room on the disk: nothing is wrong with the file
        except sqlite3.DatabaseError as error:
            log.event("spool_damaged", error=str(error))
            path.rename(path.with_suffix(f".damaged-{int(time.time())}"))
            self.damaged = True
            self._db = _open(path)
        rows = self._db.execute("SELECT seq, id, token FROM results ORDER BY seq").fetchall()
        self.unacked: dict[Key, int] = {(task, token): seq for seq, task, token in rows}
        self.failing = False
        self._last = rows[-1][0] if rows else 0
        self._marks: list[Mark] = []
        self._results: dict[int, tuple[Key, bytes]] = {}
        self._unmark: list[Key] = []
        self._acked: list[tuple[int]] = []
        self._fresh: list[tuple[int, bytes]] = []  # what the last commit wrote, so that it need not be read

    def marks(self) -> list[Mark]:
        """Returns the tasks on disk that were begun and never finished."""
        return [
            Mark(*row) for row in self._db.execute("SELECT id, token, grace, begun_at FROM marks ORDER BY begun_at")
        ]

    def mark(self, specs: list[Spec]) -> None:
        """Notes on disk that these are about to be started."""
        now = time.time()
        self._marks += [Mark(spec.id, spec.token, spec.grace, now) for spec in specs]
        self.commit()

    def unmark(self, keys: list[Key]) -> None:
        """Takes back the marks of what was not started."""
        self._unmark += keys
        self.commit()

    def put(self, key: Key, body: bytes) -> None:
        """Takes a result; it is on disk after the next commit."""
        self._last += 1
        self.unacked[key] = self._last
        self._results[self._last] = (key, body)

    def ack(self, key: Key) -> None:
        """Takes that the database has this result."""
        seq = self.unacked.pop(key, None)
        if seq is None:
            return
        if self._results.pop(seq, None):
            self._unmark.append(key)
        else:
            self._acked.append((seq,))

    def read(self, after: int, budget: int) -> list[tuple[int, bytes]]:
        """Returns results (number, body) with a number above `after`, in order, until `budget` bytes are passed."""
        if self._fresh and self._fresh[0][0] == after + 1:
            fresh, self._fresh = self._fresh, []
            if sum(len(body) for _, body in fresh) <= budget:
                return fresh
        if after == self._last and not self.failing:
            return []
        found, size = [], 0
        rows = self._db.execute("SELECT seq, body FROM results WHERE seq > ? ORDER BY seq LIMIT 500", (after,))
        for seq, body in rows:
            found.append((seq, body))
            size += len(body)
            if size > budget:
                break
        rows.close()
        if self.failing and size <= budget:
            found += [(seq, body) for seq, (_, body) in self._results.items() if seq > after]
        return found

    def commit(self) -> None:
        """Writes all that waits in one transaction. When the disk refuses, `failing` says so and nothing is lost."""
        if not (self._marks or self._results or self._unmark or self._acked):
            return
        try:
            self._write()
        except sqlite3.Error as error:
            if not self.failing:
                log.event("spool_failing", error=str(error))
            self.failing = True
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            return
        self.failing = False
        if self._results:
            self._fresh = [(seq, body) for seq, (_, body) in self._results.items()]
        self._marks, self._results, self._unmark, self._acked = [], {}, [], []

    def full(self) -> bool:
        """Whether the worker should claim no more: too much waits, or the disk is nearly full or refuses writes."""
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return True
        if self.failing or (disk.f_blocks and 1 - disk.f_bavail / disk.f_blocks > DISK_LIMIT):
            return True
        pages, free = self._pragma("page_count"), self._pragma("freelist_count")
        if free > VACUUM_ABOVE and not self.unacked:
            self._db.execute("PRAGMA incremental_vacuum").fetchall()
        return (pages - free) * self._pragma("page_size") > SIZE_LIMIT

    def close(self) -> None:
        """Writes what waits and closes the file."""
        self.commit()
        self._db.close()

    def _write(self) -> None:
        run, many = self._db.execute, self._db.executemany
        run("BEGIN IMMEDIATE")
        many("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", self._marks)
        many(
            "INSERT INTO results VALUES (?, ?, ?, ?)", [(seq, *key, body) for seq, (key, body) in self._results.items()]
        )
        over = [key for key, _ in self._results.values()] + self._unmark
        many("DELETE FROM marks WHERE id = ? AND token = ?", over)
        many("DELETE FROM results WHERE seq = ?", self._acked)
        run("COMMIT")

    def _pragma(self, name: str) -> int:
        value: int = self._db.execute(f"PRAGMA {name}").fetchone()[0]
        return value


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {16 << 20}")
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db
