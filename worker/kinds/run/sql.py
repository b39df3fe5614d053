"""A script of SQL: its statements one after the other, in one transaction, one each, or as it says itself."""

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.datasources.connection import Connection
from common.datasources.splitter import Statement, split
from common.domain.zones import zone
from common.kinds.sql import Spec
from worker.kinds.run import sources
from worker.kinds.run.control import Control, Failure, Stopped
from worker.kinds.run.in_time import in_time
from worker.kinds.run.job import Job
from worker.kinds.run.report import Report

#: What of a script and its results is kept in the report; all of it is in the output.
_STATEMENTS, _TABLES, _COLUMNS, _CELL = 500, 20, 50, 200
#: Seconds that a server which keeps time itself has more than our own clock.
_LATE = 2.0
_READING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC"})
_OWN = frozenset({"BEGIN", "START", "COMMIT", "ROLLBACK", "END", "ABORT"})
#: What commits all that came before it, in engines where no transaction holds such statements.
_COMMITTING = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE", "LOCK", "OPTIMIZE"})
_COMMITS_THEM = frozenset({"mysql", "oracle"})


def run(job: Job, report: Report, control: Control) -> None:
    """Run the script of a task; raises Failure with the statement that failed and why."""
    spec = Spec.model_validate(job.spec)
    with sources.opened(job, read_only=spec.read_only, statement_timeout=spec.statement_timeout) as connection:
        Script(job, spec, connection, report, control).run()


@dataclass(slots=True)
class Done:
    """What is known of one statement."""

    statement: Statement
    rows: int | None = None
    seconds: float | None = None
    error: str = ""

    def told(self) -> dict[str, Any]:
        """For the report."""
        one = self.statement
        about = {"number": one.number, "line": one.line, "text": one.excerpt, "rows": self.rows}
        seconds = None if self.seconds is None else round(self.seconds, 3)
        return {**about, "seconds": seconds, **({"error": self.error} if self.error else {})}


class Script:
    """One run of a script over an open connection."""

    def __init__(self, job: Job, spec: Spec, connection: Connection, report: Report, control: Control) -> None:
        self.spec = spec
        self.connection = connection
        self.report = report
        self.control = control
        self.engine = connection.source.engine
        self.explain = sources.explainer(connection.source)
        self.done = [Done(each) for each in split(job.command, self.engine) for _ in range(each.times)]
        self.tables: list[dict[str, Any]] = []
        self.limit = spec.statement_timeout or connection.source.statement_timeout
        self.whole = spec.transaction == "one"
        # What may change nothing is taken back at the end where the server does not refuse it: never without one.
        self.each = spec.transaction == "each" or (spec.transaction == "none" and connection.read_only)
        facts = job.execution
        scheduled = facts.scheduled_for.astimezone(zone(spec.timezone))
        self.parameters = {
            **spec.parameters,
            "rota_scheduled_for": scheduled.replace(tzinfo=None),
            "rota_scheduled_date": scheduled.date(),
            "rota_execution_id": facts.id,
        }

    def run(self) -> None:
        """Run it; raises Failure, Stopped."""
        self._look()
        try:
            self._all()
        except BaseException:
            taken_back = self.whole and self._take_back()
            self._tell("rolled back" if taken_back else "")
            raise
        self._tell("committed" if self.whole else "")
        failed = [each for each in self.done if each.error]
        if failed:
            raise Failure(f"{len(failed)} of {len(self.done)} statements failed; the first: {_where(failed[0])}")

    def _look(self) -> None:
        """Refuse what cannot be as it was asked for, before anything has run."""
        if not self.done:
            raise Failure("the script has no statement")
        for one in (each.statement for each in self.done):
            at = f"statement {one.number} (line {one.line})"
            if self.connection.read_only and one.word not in _READING:
                raise Failure(
                    f"{at}: {one.word or 'this'} may change something, and this connection is for reading only"
                )
            if self.whole and one.word in _OWN and not _to_savepoint(one):
                raise Failure(
                    f"{at}: {one.word} begins or ends a transaction, and the whole script is one already."
                    " Leave it out, or choose no transaction for this script."
                )
            if self.whole and one.word in _COMMITTING and self.engine in _COMMITS_THEM:
                title = self.connection.source.about.title
                self.report.warn(f"{title} commits at {one.word} ({at}): what ran until then cannot be taken back.")

    def _all(self) -> None:
        if self.whole:
            self.connection.begin()
        for number, each in enumerate(self.done):
            self.control.check()
            self.report.progress(number, len(self.done), unit="statements", text=each.statement.excerpt)
            try:
                self._one(each)
            except Failure as error:
                each.error = str(error)
                if self.whole or self.spec.on_error == "stop":
                    raise Failure(_where(each)) from None
                print(f"{each.statement.number}. failed: {error}", flush=True)
        self.report.progress(len(self.done), len(self.done), unit="statements")
        if self.whole:
            self._finish()

    def _one(self, each: Done) -> None:
        """One statement, in a transaction of its own where each has one; raises Failure."""
        began = time.monotonic()
        late = _LATE if self.connection.keeps_time else 0.0
        try:
            if self.each:
                self.connection.begin()
            with in_time("it", self.limit, self.control, self.connection.cancel, late=late):
                each.rows = self._execute(each.statement)
            if self.each:
                self._finish()
        except Exception as error:
            each.seconds = time.monotonic() - began
            if self.each:
                self._take_back()
            if isinstance(error, Failure | Stopped):
                raise
            raise Failure(self.explain(error)) from error
        each.seconds = time.monotonic() - began
        count = "" if each.rows is None else f": {each.rows:,} row{'' if each.rows == 1 else 's'}"
        print(f"{each.statement.number}. {each.statement.excerpt}{count}, {each.seconds:.2f} s", flush=True)

    def _execute(self, one: Statement) -> int | None:
        """Run it; gives how many rows came or were changed, None where there is no such number."""
        if one.word in _READING:
            with self.connection.stream(one.text, self.parameters) as rows:
                return self._keep(one, rows.columns, rows) if rows.columns else None
        with closing(self.connection.execute(one.text, self.parameters)) as cursor:
            if cursor.description:
                columns = [str(column[0]) for column in cursor.description]
                return self._keep(one, columns, iter(lambda: cursor.fetchmany(1000), []))
            changed = cursor.rowcount
            return int(changed) if isinstance(changed, int) and changed >= 0 else None

    def _keep(self, one: Statement, columns: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> int:
        """Read a result to its end, and keep its first rows."""
        first: list[list[Any]] = []
        total = 0
        for chunk in chunks:
            if not chunk:
                break
            self.control.check()
            total += len(chunk)
            wanted = chunk[: max(0, self.spec.first_rows - len(first))]
            first += [[shown(value) for value in row[:_COLUMNS]] for row in wanted]
        if self.spec.first_rows and len(self.tables) < _TABLES:
            title = f"{one.number}. {one.excerpt}"
            table = {"title": title, "columns": list(columns[:_COLUMNS]), "rows": first, "total": total}
            self.tables.append(table)
        return total

    def _finish(self) -> None:
        try:
            self.connection.commit()
        except Exception as error:
            raise Failure(f"it could not be committed: {self.explain(error)}") from error

    def _take_back(self) -> bool:
        """Whether a transaction was taken back; a connection that is gone has taken it back by itself."""
        if not self.connection.in_transaction:
            return False
        with suppress(Exception):
            self.connection.rollback()
        return True

    def _tell(self, transaction: str) -> None:
        ran = [each for each in self.done if each.seconds is not None and not each.error]
        told = {"statements": len(ran), "rows": sum(each.rows or 0 for each in ran)}
        if transaction:
            told |= {"transaction": transaction}  # type: ignore[dict-item]
        left_out = len(self.done) - _STATEMENTS
        note = {"script_note": f"+ {left_out:,}"} if left_out > 0 else {}
        script = [each.told() for each in self.done[:_STATEMENTS]]
        self.report.result(**told, **note, data_source=self.connection.source.name, script=script, tables=self.tables)


def _where(each: Done) -> str:
    return f"statement {each.statement.number} (line {each.statement.line}): {each.error}"


def _to_savepoint(one: Statement) -> bool:
    """ROLLBACK TO a savepoint ends nothing."""
    return one.word == "ROLLBACK" and " TO " in f" {' '.join(one.text.upper().split())} "


def shown(value: Any) -> Any:
    """A value as JSON can hold it and a page can show it."""
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < 2**53 else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case bytes() | bytearray() | memoryview():
            data = bytes(value)
            return f"0x{data[:32].hex()}{'…' if len(data) > 32 else ''}"
    text = str(value)
    return text if len(text) <= _CELL else f"{text[:_CELL]}…"
