"""Comma-separated values as Excel reads them: with a byte order mark, or in GB 18030; dates as they are written."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import Literal

from common.domain.cells import as_text
from common.sheets.rules import Plain, Rules, exact
from common.sheets.writer import Row, SheetError

Encoding = Literal["utf-8-sig", "utf-8", "gb18030"]


class Csv:
    """A .csv file at `path`. `guard` puts an apostrophe before text that a spreadsheet would take for a formula."""

    def __init__(
        self, path: Path, rules: Rules, *, encoding: Encoding = "utf-8-sig", delimiter: str = ",", guard: bool = True
    ) -> None:
        self._rules = rules
        self._guard = guard
        self._raw = path.open("wb")
        self._file = TextIOWrapper(self._raw, encoding=encoding, newline="")
        self._writer = csv.writer(self._file, delimiter=delimiter, lineterminator="\r\n")
        self._columns = -1

    def table(self, name: str, columns: Sequence[str]) -> None:
        """Begin the one table of the file; raises SheetError for a second."""
        if self._columns >= 0:
            raise SheetError(f"{name}: a csv file holds one table.")
        self._columns = len(columns)
        self._writer.writerow([self._cell(column) for column in columns])

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows."""
        cell = self._cell
        self._writer.writerows([cell(value) for value in row] for row in rows)

    def size(self) -> int:
        """Bytes on disk; some may wait in memory."""
        return self._raw.tell()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _cell(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)  # text has no limit of 15 digits
        if isinstance(value, Decimal):
            return exact(value) if value.is_finite() else ""
        plain = self._rules.plain(value)
        if isinstance(plain, str):
            return as_text(plain) if self._guard else plain
        return _written(plain)


def _written(value: Plain) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime():
            return value.isoformat(" ")
        case time():
            return value.isoformat()
        case float():
            return repr(value)
        case _:
            return str(value)
