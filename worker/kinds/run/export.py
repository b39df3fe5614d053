"""An export: rows of queries, streamed from a server-side cursor into a file.

The file is written outside of the folder for files and moved there when all of it is well: whatever ends this process
before that leaves none.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from common.domain import file_names
from common.domain.zones import zone
from common.kinds.export import CHUNK, EXTENSIONS, Spec
from common.sheets.rules import Rules
from common.sheets.writer import SheetError, Writer
from worker.kinds.run import sources
from worker.kinds.run.control import Control, Failure, Stopped
from worker.kinds.run.in_time import in_time
from worker.kinds.run.job import Job
from worker.kinds.run.report import Report

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Runs of the task that a run is compared with, at least.
_COMPARED = 2


def run(job: Job, report: Report, control: Control) -> None:
    """Export what the queries of a task give; raises Failure when it cannot be done."""
    spec = Spec.model_validate(job.spec)
    with sources.opened(job, read_only=True, statement_timeout=spec.query_timeout) as connection:
        # One look at the database for all queries, as far as its engine can do that.
        connection.begin(read_only=True)
        Export(job, report, control, connection, sources.explainer(connection.source)).run()


class Rows(Protocol):
    """A result: its columns, then its rows some at a time."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""

    def __iter__(self) -> Iterator[Sequence[Sequence[Any]]]: ...

    def close(self) -> None:
        """Give the rest up."""


class Connection(Protocol):
    """What an export needs of a connection to a data source."""

    def stream(self, statement: str, parameters: Mapping[str, Any] | None = None, *, size: int = CHUNK) -> Rows:
        """Run a query."""

    def cancel(self) -> None:
        """Have the server end it; called by another thread."""


class Export:
    """One export over an open connection. `explain` turns an error of the connection into words."""

    def __init__(
        self,
        job: Job,
        report: Report,
        control: Control,
        connection: Connection,
        explain: Callable[[Exception], str] = str,
    ) -> None:
        self.spec = Spec.model_validate(job.spec)
        self.job = job
        self.report = report
        self.control = control
        self.connection = connection
        self.explain = explain
        self.rules = Rules(zone=zone(self.spec.timezone), decimals=self.spec.decimals)
        self.folder = job.files.parent / "unfinished"
        self.name = _file_name(self.spec, job)
        self.rows = 0
        self.tables = 0

    def run(self) -> None:
        """Write the file, or the files where each query has its own; raises Failure when it cannot be done."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        try:
            files = self._one() if self.spec.format == "xlsx" else self._each()
            if self._wanted():
                self._keep(files)
        except SheetError as error:
            raise Failure(str(error)) from None
        except OSError as error:
            raise Failure(f"the file could not be written: {error.strerror}") from error
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- files ---

    def _one(self) -> list[Path]:
        """All queries as sheets of one workbook."""
        path = self.folder / self.name
        with _open(self.spec, path, self.rules) as writer:
            for name, query in self.spec.queries(self.job.command):
                self._table(writer, name, query)
            writer.close()
        self._check_size(path.stat().st_size)
        return [path]

    def _each(self) -> list[Path]:
        """Every query as a file; with several each has its sheet's name behind that of the file."""
        found: list[Path] = []
        queries = self.spec.queries(self.job.command)
        stem, _, extension = self.name.rpartition(".")
        for name, query in queries:
            title = stem if len(queries) == 1 else f"{stem}-{name}"
            path = self.folder / file_names.render("{{ task_name }}", {"task_name": title}, extension)
            with _open(self.spec, path, self.rules) as writer:
                self._table(writer, name, query)
                writer.close()
            found.append(path)
            self._check_size(sum(each.stat().st_size for each in found))
        return found

    def _keep(self, files: Sequence[Path]) -> None:
        size = sum(path.stat().st_size for path in files)
        self._compare(size)
        notes = self.rules.notes
        if notes.cut:
            self.report.warn(f"{_count(notes.cut, 'text')} longer than 32,767 characters cut: a cell holds no more.")
        if notes.stripped:
            self.report.warn(
                f"Control characters taken out of {_count(notes.stripped, 'text')}: no cell can hold them."
            )
        self.report.result(file=", ".join(path.name for path in files), rows=self.rows, size=size, sheets=self.tables)
        for path in files:
            print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)
        self.control.check()
        for path in files:
            path.replace(self.job.files / path.name)

    def _wanted(self) -> bool:
        """What becomes of an export without a row; raises Failure where that is one."""
        if self.rows or self.spec.when_empty == "send":
            return True
        if self.spec.when_empty == "fail":
            raise Failure("no rows: this export fails without any")
        print("no rows: no file", flush=True)
        self._compare(0)
        self.report.result(rows=0)
        return False

    # --- rows ---

    def _table(self, writer: Writer, name: str, query: str) -> None:
        """Stream one query into a table of the file."""
        started, before = time.monotonic(), self.rows
        with self._in_time(name):
            rows = self.connection.stream(query, self._parameters(), size=CHUNK)
            try:
                if not rows.columns:
                    raise Failure(f"{name}: this statement gives no rows. An export needs a query.")
                writer.table(name, rows.columns)
                self.tables += 1
                for chunk in rows:
                    self.control.check()
                    self._write(writer, name, chunk)
            finally:
                with suppress(Exception):
                    rows.close()
        seconds = time.monotonic() - started
        count = self.rows - before
        print(f"{name}: {_count(count, 'row')} in {seconds:.1f} s", flush=True)

    def _write(self, writer: Writer, name: str, chunk: Iterable[Sequence[Any]]) -> None:
        chunk = list(chunk)
        self.rows += len(chunk)
        if self.spec.max_rows is not None and self.rows > self.spec.max_rows:
            raise Failure(f"more than {self.spec.max_rows:,} rows: the limit of this export")
        writer.write(chunk)
        self._check_size(writer.size())
        if _memory() > self.spec.max_memory:
            raise Failure(f"more than {self.spec.max_memory:,} bytes of memory: the limit of this export")
        self.report.progress(self.rows, unit="rows", text=name)

    @contextmanager
    def _in_time(self, name: str) -> Iterator[None]:
        """Cancel the query on its server when its time is over, in whatever of its rows it is then."""
        limit = self.spec.query_timeout
        try:
            with in_time(f"{name}: the query", limit, self.control, self.connection.cancel):
                yield
        except (Failure, Stopped, SheetError, OSError):
            raise
        except Exception as error:
            raise Failure(f"{name}: {self.explain(error)}") from error

    def _parameters(self) -> dict[str, Any]:
        """Those of the task, and what is always there."""
        facts = self.job.execution
        return {
            **self.spec.parameters,
            "rota_scheduled_for": facts.scheduled_for,
            "rota_scheduled_date": facts.scheduled_for.astimezone(self.rules.zone).date(),
            "rota_execution_id": facts.id,
        }

    # --- limits ---

    def _check_size(self, size: int) -> None:
        if size > self.spec.max_size:
            raise Failure(f"the file has more than {self.spec.max_size:,} bytes: the limit of this export")

    def _compare(self, size: int) -> None:
        """Warn where this run gave much more or less than the task's last ones."""
        history: Sequence[Mapping[str, Any]] = self.job.needs.get("history", ())
        if self.spec.guard is None or len(history) < _COMPARED:
            return
        for what, now, usual in (
            ("rows", self.rows, median(each["rows"] for each in history)),
            ("bytes", size, median(each["size"] for each in history)),
        ):
            if said := _differs(what, now, usual, self.spec.guard):
                self.report.warn(said)
                print(f"warning: {said}", flush=True)
                return


def _differs(what: str, now: int, usual: float, percent: int) -> str:
    """What is to be said of a number that is not as usual; empty where it is."""
    if not usual:
        return ""
    if not now:
        return f"No {what}; the last runs had about {usual:,.0f}."
    change = (now - usual) / usual * 100
    if abs(change) <= percent:
        return ""
    return f"{now:,} {what}, {abs(change):,.0f} % {'more' if change > 0 else 'less'} than the last runs ({usual:,.0f})."


def _file_name(spec: Spec, job: Job) -> str:
    facts = job.execution
    known = file_names.values(
        task_name=facts.task_name,
        execution_id=facts.id,
        attempt=facts.attempt,
        scheduled=facts.scheduled_for.astimezone(zone(spec.timezone)),
    )
    return file_names.render(spec.file_name, known, EXTENSIONS[spec.format])


@contextmanager
def _open(spec: Spec, path: Path, rules: Rules) -> Iterator[Writer]:
    """A writer for the format; what is not closed well is let go of and deleted. Only what is used is imported."""
    writer: Writer
    match spec.format:
        case "xlsx":
            from common.sheets.xlsx import Workbook

            writer = Workbook(path, rules)
        case "csv":
            from common.sheets.csv_file import Csv

            writer = Csv(path, rules, encoding=spec.encoding, delimiter=spec.delimiter, guard=spec.formulas_as_text)
        case _:
            from common.sheets.parquet import Parquet

            writer = Parquet(path, rules)
    try:
        yield writer
    except BaseException:
        with suppress(Exception):
            writer.abandon()
        path.unlink(missing_ok=True)
        raise


def _memory() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
