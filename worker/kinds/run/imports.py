"""An import: rows of a file, cleaned and converted, into a table, in one transaction."""

import glob
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.artifacts.store import StoreError
from common.datasources.connection import Connection
from common.kinds.imports import Column, Spec
from common.sheets.cleaning import BadCell, Cleaning, converted, mark_of, name_of
from common.sheets.csv_file import Csv
from common.sheets.opening import opened
from common.sheets.reading import Book, Cell, Row, Unreadable
from common.sheets.rules import Rules
from worker.kinds.run import sources
from worker.kinds.run.control import Control, Failure
from worker.kinds.run.in_time import in_time
from worker.kinds.run.job import Job
from worker.kinds.run.report import Report
from worker.kinds.run.sql import shown
from worker.kinds.run.target import Target

#: Rows from the top among which the headings are looked for, and rows that a page shows.
_LOOKED_AT, _PREVIEW = 20, 20
_REASON = 300


def run(job: Job, report: Report, control: Control) -> None:
    """Import the file of a task; raises Failure when it cannot be done, and then nothing of it is kept."""
    spec = Spec.model_validate(job.spec)
    path, name = fetched(job, spec)
    try:
        book = opened(path, encoding=spec.encoding, delimiter=spec.delimiter)
        with closing(book), sources.opened(job, statement_timeout=spec.statement_timeout) as connection:
            Import(job, spec, connection, report, control, name).run(book)
    except Unreadable as error:
        raise Failure(f"{name}: {error}") from None


def fetched(job: Job, spec: Spec) -> tuple[Path, str]:
    """Where the file is, and what it is called."""
    if spec.path:
        path = _found(spec.path, job.needs["folders"])
        return path, path.name
    about = job.needs["file"]
    path = job.files.parent / "input"
    try:
        with path.open("wb") as out:
            if given := os.environ.get("ROTA_INPUT"):
                with open(int(given), "rb") as stored:
                    shutil.copyfileobj(stored, out, 1 << 20)
            else:
                from common.artifacts.s3 import S3Store

                for piece in S3Store(**about["s3"]).open(about["key"]):
                    out.write(piece)
    except (OSError, StoreError) as error:
        raise Failure(f"{about['name']} cannot be read from the store: {error}") from None
    return path, str(about["name"])


def _found(pattern: str, folders: Sequence[str]) -> Path:
    """The newest file that is meant, below one of the folders that may be read; links are followed before."""
    allowed = [Path(os.path.realpath(each)) for each in folders]
    places = [Path(os.path.realpath(each)) for each in glob.glob(pattern)]
    mine = [path for path in places if path.is_file() and any(path.is_relative_to(each) for each in allowed)]
    if not mine:
        shown_folders = ", ".join(map(str, allowed)) or "none: an administrator can name some in ROTA_IMPORT_FOLDERS"
        raise Failure(f"there is no file {pattern} that may be imported (folders: {shown_folders})")
    return max(mine, key=lambda path: path.stat().st_mtime)


@dataclass(frozen=True, slots=True)
class Taken:
    """One column of the file: its place, its heading, where it goes, and what that takes."""

    at: int
    heading: str
    to: str
    kind: str
    form: str = ""


class Import:
    """One import over an open connection."""

    def __init__(
        self, job: Job, spec: Spec, connection: Connection, report: Report, control: Control, name: str
    ) -> None:
        self.job, self.spec, self.connection = job, spec, connection
        self.report, self.control, self.name = report, control, name
        self.explain = sources.explainer(connection.source)
        self.cleaning = Cleaning(trim=spec.trim, empty_is_null=spec.empty_is_null, plain_width=spec.plain_width)
        self.read = self.written = self.rejected = self.doubled = 0
        self.columns: list[Taken] = []
        self.headings: list[str] = []
        self.key: list[str] = []
        self.preview: list[list[Any]] = []
        self._seen: set[int] = set()
        self._file: Csv | None = None

    def run(self, book: Book) -> None:
        """Do it; raises Failure, Stopped."""
        self.connection.begin(read_only=False)
        try:
            self._all(book)
        except BaseException as error:
            with suppress(Exception):
                self.connection.rollback()
            self._tell("rolled back")
            if isinstance(error, Exception) and not isinstance(error, Failure | Unreadable):
                self.control.check()
                raise Failure(self.explain(error)) from error
            raise
        finally:
            if self._file is not None:
                self._file.close()
        if self.spec.dry_run:
            self.connection.rollback()
            self._tell("rolled back")
            print("dry run: everything was taken back", flush=True)
            return
        try:
            self.connection.commit()
        except Exception as error:
            raise Failure(f"it could not be committed: {self.explain(error)}") from error
        self._tell("committed")

    def _all(self, book: Book) -> None:
        target = Target(self.connection, self.job.command.strip())
        sheet = self.spec.sheet or None
        header, rows = self._after_headings(book.rows(sheet), target)
        self._match(header, target)
        self._check_key(target)
        if self.spec.mode == "replace":
            print(f"{target.empty():,} rows were in the table", flush=True)
        names = [each.to for each in self.columns]
        size = target.at_once(names)
        batch: list[tuple[Row, list[Any]]] = []
        for row in rows:
            self.read += 1
            if (values := self._values(row)) is None:
                continue
            batch.append((row, values))
            if len(batch) >= size:
                self._write(target, names, batch)
                batch = []
        self._write(target, names, batch)

    # --- headings ---

    def _after_headings(self, rows: Iterator[Row], target: Target) -> tuple[Row, Iterator[Row]]:
        """The row with the headings (none has the number 0), and the rows that follow it."""
        if self.spec.header_row == 0:
            return (0, []), (row for row in rows if row[1])
        top: list[Row] = []
        for row in rows:
            if self.spec.header_row is not None and row[0] < self.spec.header_row:
                continue
            if any(cell is not None for cell in row[1]):
                top.append(row)
            if len(top) >= (1 if self.spec.header_row is not None else _LOOKED_AT):
                break
        if not top:
            raise Failure(f"{self.name}: there is no row with headings")
        best = max(range(len(top)), key=lambda number: (self._meant(top[number], target), -number))
        return top[best], _chained(top[best + 1 :], rows)

    def _meant(self, row: Row, target: Target) -> int:
        """How many cells of a row name columns that are wanted."""
        wanted = {name_of(each.column) for each in self.spec.columns} or {name_of(each) for each in target.columns}
        return sum(1 for cell in row[1] if isinstance(cell, str) and name_of(cell) in wanted)

    def _match(self, header: Row, target: Target) -> None:
        """Which column of the file goes where; raises Failure for one that is not there."""
        self.headings = [str(cell).strip() if cell is not None else "" for cell in header[1]]
        known = {name_of(text): at for at, text in reversed(list(enumerate(self.headings))) if text}
        given = self.spec.columns or [
            Column(column=text, to=found)
            for text in self.headings
            if text and known[name_of(text)] == self.headings.index(text) and (found := target.find(text))
        ]
        for each in given:
            at = known.get(name_of(each.column), _letter(each.column) if not self.headings else None)
            if at is None:
                there = ", ".join(filter(None, self.headings)) or "none"
                raise Failure(f"row {header[0]} has no column {each.column} (it has: {there})")
            to = target.find(each.to)
            if to is None:
                raise Failure(f"the table has no column {each.to} (it has: {', '.join(target.columns)})")
            kind = target.columns[to] if each.type == "auto" else each.type
            self.columns.append(Taken(at, each.column, to, kind, each.format))
        if not self.columns:
            raise Failure(
                f"no heading of row {header[0]} ({', '.join(filter(None, self.headings)) or 'none'}) is a column of the"
                f" table ({', '.join(target.columns)}): say which goes where"
            )
        left = [text for at, text in enumerate(self.headings) if text and at not in {each.at for each in self.columns}]
        if left:
            self.report.warn(f"Columns of the file that go nowhere: {', '.join(left)}.")
        print(
            f"{self.name}, row {header[0]}: {', '.join(f'{each.heading} → {each.to}' for each in self.columns)}",
            flush=True,
        )

    def _check_key(self, target: Target) -> None:
        for each in self.spec.key:
            found = target.find(each)
            if found is None or found not in {column.to for column in self.columns}:
                raise Failure(f"the key {each} is not among the columns that are imported")
            self.key.append(found)
        if self.spec.mode == "upsert":
            target.check_key(self.key)

    # --- rows ---

    def _values(self, row: Row) -> list[Any] | None:
        """A row as the table takes it; None for one that is left out."""
        number, cells = row
        values: list[Any] = []
        for each in self.columns:
            cell = self._clean(cells[each.at] if each.at < len(cells) else None)
            try:
                values.append(converted(cell, each.kind, each.form))
            except BadCell as error:
                self._reject(row, f"{each.heading}: {error}")
                return None
        if all(value is None for value in values):
            self.read -= 1  # a row in which nothing is wanted is none
            return None
        if self.spec.duplicates != "keep" and self._is_double(values):
            if self.spec.duplicates == "fail":
                raise Failure(f"row {number} is in the file already")
            self.doubled += 1
            return None
        return values

    def _clean(self, cell: Cell) -> Cell:
        return self.cleaning.text(cell) if isinstance(cell, str) else cell

    def _is_double(self, values: Sequence[Any]) -> bool:
        """By what it is found by, else as a whole."""
        names = [each.to for each in self.columns]
        mark = mark_of([values[names.index(each)] for each in self.key] if self.key else values)
        if mark in self._seen:
            return True
        self._seen.add(mark)
        return False

    def _write(self, target: Target, names: Sequence[str], batch: Sequence[tuple[Row, list[Any]]]) -> None:
        if not batch:
            return
        self.control.check()
        limit = self.spec.statement_timeout or self.connection.source.statement_timeout
        key = self.key if self.spec.mode == "upsert" else []
        if not self.preview:
            self.preview = [[shown(value) for value in values] for _, values in batch[:_PREVIEW]]
        target.save()
        try:
            with in_time("writing rows", limit, self.control, self.connection.cancel, late=2.0):
                target.write(names, [values for _, values in batch], key)
            self.written += len(batch)
        except Failure:
            raise
        except Exception:
            self.control.check()
            target.back()
            self._one_by_one(target, names, batch, key)
        self.report.progress(self.read, unit="rows", text=self.name)

    def _one_by_one(
        self, target: Target, names: Sequence[str], batch: Sequence[tuple[Row, list[Any]]], key: Sequence[str]
    ) -> None:
        """Something is wrong with one of them: find it."""
        for row, values in batch:
            target.save()
            try:
                target.write(names, [values], key)
                self.written += 1
            except Exception as error:
                self.control.check()
                target.back()
                self._reject(row, self.explain(error))

    def _reject(self, row: Row, reason: str) -> None:
        """Leave a row out, and keep it; raises Failure where no row may be left out, or too many were."""
        if self.spec.on_bad_row == "fail":
            raise Failure(f"row {row[0]}: {reason}")
        self.rejected += 1
        if self._file is None:
            self._file = Csv(self.job.files / "rejected.csv", Rules())
            self._file.table("rejected", ["row", "reason", *self.headings])
        self._file.write([[row[0], " ".join(reason.split())[:_REASON], *row[1]]])
        if self.rejected > self.spec.max_rejected:
            raise Failure(f"more than {self.spec.max_rejected:,} bad rows; the last, row {row[0]}: {reason}")

    def _tell(self, transaction: str) -> None:
        told: dict[str, Any] = {"file": self.name, "rows": self.read, "written": self.written}
        told |= {"rejected": self.rejected} if self.rejected else {}
        told |= {"duplicates": self.doubled} if self.doubled else {}
        columns = [each.to for each in self.columns]
        table = {"title": self.job.command, "columns": columns, "rows": self.preview, "total": self.written}
        self.report.result(**told, transaction=transaction, data_source=self.connection.source.name, tables=[table])
        counts = f"{self.read:,} rows read, {self.written:,} written, {self.rejected:,} rejected"
        print(f"{counts}; {transaction}", flush=True)


def _chained(first: Sequence[Row], rest: Iterator[Row]) -> Iterator[Row]:
    for row in first:
        yield row
    for row in rest:
        if row[1]:
            yield row


def _letter(text: str) -> int | None:
    """0 for A, 26 for AA; None for what is no letter of a column."""
    if not text.isascii() or not text.isalpha() or len(text) > 3:
        return None
    found = 0
    for character in text.upper():
        found = found * 26 + ord(character) - 64
    return found - 1
