"""What is seen of an execution while it runs: its process id, its output and its report so far."""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import select, tuple_

from common.clock import Clock
from common.db.bulk import insert_ignore
from common.db.models import ExecutionOutput, table_of
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, notify
from common.domain.states import Status
from common.queue.claims import Key, mark_started
from common.queue.finish import keep_reports
from common.queue.transitions import E
from worker import reports
from worker.book import Book, Piece
from worker.identity import Identity
from worker.reports import Fingerprint

log = structlog.get_logger()
P = table_of(ExecutionOutput)

TICK = 0.4
#: Seconds between two looks at reports.
_REPORTS = 1.0
#: Seconds a process must have lived for its id to be written: the result of a short one says it anyway.
_LIVED = 0.3
_ROWS = 500
_SIZE = 4 << 20

Row = dict[str, Any]


@dataclass(slots=True)
class Shower:
    """The output loop's body."""

    database: Database
    clock: Clock
    identity: Identity
    book: Book
    _looked_at: float = 0.0
    _seen: dict[Key, Fingerprint] = field(default_factory=dict)

    async def tick(self) -> float:
        """Write what has come since the last time."""
        settled = self.clock.monotonic() - _LIVED
        started = [(*key, pid) for key, (pid, since) in self.book.started.items() if since < settled]
        pieces, self.book.pieces = self.book.pieces, {}
        changed = self._changed()
        if not (started or pieces or changed):
            return TICK
        try:
            await self.database.transact(lambda session: self._write(session, started, pieces, changed))
        except Exception:
            self._keep(pieces)
            for key in changed:
                self._seen.pop(key, None)
            raise
        for execution_id, token, _ in started:
            self.book.started.pop((execution_id, token), None)
        return TICK

    def _changed(self) -> dict[Key, Row]:
        """The reports that have changed since the last look."""
        now = self.clock.monotonic()
        if not self.book.folders or now < self._looked_at + _REPORTS:
            return {}
        self._looked_at = now
        self._seen = {key: seen for key, seen in self._seen.items() if key in self.book.folders}
        found = {}
        for key, folder in self.book.folders.items():
            mark = reports.fingerprint(folder)
            if mark is not None and mark != self._seen.get(key):
                self._seen[key] = mark
                if (report := reports.read(folder)) is not None:
                    found[key] = report
        return found

    def _keep(self, pieces: dict[Key, list[Piece]]) -> None:
        """Put pieces back that could not be written; what has ended meanwhile needs them no more."""
        for key, items in pieces.items():
            if key in self.book.active:
                self.book.pieces[key] = items + self.book.pieces.get(key, [])

    async def _write(
        self,
        session: WriteSession,
        started: list[tuple[int, int, int]],
        pieces: dict[Key, list[Piece]],
        changed: dict[Key, Row],
    ) -> None:
        await mark_started(session, started)
        if changed:
            await keep_reports(session, changed, running=True)
            await notify(session, Topic.OUTPUT)
        if not pieces:
            return
        # Locked, and only while it runs: pieces written after the result would pass for the whole output.
        rows = await session.execute(
            select(E.c.id, E.c.token)
            .where(
                tuple_(E.c.id, E.c.token).in_(sorted(pieces)),
                E.c.status == Status.RUNNING,
                E.c.worker_id == self.identity.id,
            )
            .order_by(E.c.id)
            .with_for_update()
        )
        mine = [(row.id, row.token) for row in rows]
        for chunk in _chunks(_row(key, piece) for key in mine for piece in pieces[key]):
            await insert_ignore(session, P, chunk)
        await notify(session, Topic.OUTPUT)


def _row(key: Key, piece: Piece) -> Row:
    data = b64decode(piece.data)
    return {
        "execution_id": key[0],
        "token": key[1],
        "seq": piece.seq,
        "stream": piece.stream,
        "at": piece.at,
        "lines": data.count(b"\n"),
        "data": data,
    }


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in groups that one statement can take."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row["data"])
        if len(chunk) == _ROWS or size > _SIZE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
