"""Workbooks, written row by row: nothing of a sheet is kept but the row that is being written.

Text stands in the cell (`inlineStr`) and not in a table of shared strings, which would have to be held until the end.
Measured beside XlsxWriter in `benchmarks/sheets.py`; why this one is ours says docs/adr/.
"""

import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

from common.sheets import xlsx_parts
from common.sheets.names import sheet_name, width
from common.sheets.rules import Plain, Rules, exact
from common.sheets.writer import Row, SheetError
from common.sheets.xlsx_parts import Style

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
#: Uncompressed bytes of one sheet; from 2 GiB on the archive needs ZIP64, which has Excel "repair" the file.
_MAX_SHEET = 1_900_000_000
#: Rows looked at for the widths of columns.
_LOOKED_AT = 200
_NARROWEST, _WIDEST = 6, 60
#: Rows that are compressed together.
_AT_ONCE = 256
#: Fast, and files a quarter larger than at the usual level 6.
_LEVEL = 1

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 (a spreadsheet knows no zones)
_DAY = 86_400
_SPECIAL = re.compile(r"[&<>]|_x[0-9A-Fa-f]{4}_|^\s|\s$|\n")
#: What looks like an escape of a character, and would be read as that.
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
#: A spreadsheet takes text that begins like this for a formula once somebody edits the cell.
_FORMULA = ("=", "+", "-", "@", "\t")


class Workbook:
    """An .xlsx file at `path`, of any number of tables. A table that is too long goes on in a further sheet."""

    def __init__(self, path: Path, rules: Rules, *, max_rows: int = MAX_ROWS) -> None:
        self._rules = rules
        self._max_rows = max_rows
        self._file = path.open("wb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self._styles = xlsx_parts.Styles()
        #: Of finished sheets, and of the one at hand.
        self.sheets: list[str] = []
        self._filters: list[str] = []
        self._stream: IO[bytes] | None = None
        self._name = ""
        self._part = 0
        self._columns: list[str] = []
        self._letters: list[str] = []
        #: Of the sheet at hand, with its header; and its bytes so far.
        self._rows = 0
        self._bytes = 0
        self._waiting: list[list[Plain]] | None = None
        self._cells: Mapping[type, Callable[[str, Any], str]] = {
            str: self._text,
            int: lambda ref, value: f'<c r="{ref}"><v>{value}</v></c>',
            float: lambda ref, value: f'<c r="{ref}"><v>{value!r}</v></c>',
            bool: lambda ref, value: f'<c r="{ref}" t="b"><v>{value:d}</v></c>',
            Decimal: self._decimal,
            datetime: lambda ref, value: _number(ref, _serial(value), Style.DATETIME),
            date: lambda ref, value: _number(ref, str((value - _EPOCH.date()).days), Style.DATE),
            time: lambda ref, value: _number(ref, repr(_seconds(value) / _DAY), Style.TIME),
            timedelta: lambda ref, value: _number(ref, repr(value.total_seconds() / _DAY), Style.DURATION),
        }

    def table(self, name: str, columns: Sequence[str]) -> None:
        """Begin a table on a sheet of its own; raises SheetError for more columns than a sheet has."""
        if len(columns) > MAX_COLUMNS:
            raise SheetError(f"{name}: {len(columns):,} columns; a sheet has {MAX_COLUMNS:,}. Select fewer of them.")
        self._finish()
        self._name, self._part = name, 1
        self._columns = [str(self._rules.plain(column) or "") for column in columns]
        self._letters = [letters(number) for number in range(len(columns))]
        self._waiting = []

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows to the table that was begun last."""
        iterator = iter(rows)
        if self._waiting is not None:
            looked_at = islice(iterator, _LOOKED_AT - len(self._waiting))
            self._waiting += [[self._rules.plain(value) for value in row] for row in looked_at]
            if len(self._waiting) < _LOOKED_AT:
                return
            self._begin()
        while batch := list(islice(iterator, _AT_ONCE)):
            self._put(batch)

    def size(self) -> int:
        """Bytes on disk; some are still being compressed."""
        return self._file.tell()

    def close(self) -> None:
        """Finish the workbook."""
        self._finish()
        if not self.sheets:
            self.table("Sheet1", [])
            self._finish()
        for part, content in xlsx_parts.parts(self.sheets, self._filters, self._styles).items():
            self._zip.writestr(part, content)
        self._zip.close()
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file."""
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.close()
        self._stream = None
        self._zip.fp = None  # nothing more shall be written when it is collected
        self._file.close()

    # --- sheets ---

    def _begin(self) -> None:
        """Open the sheet, and write its head and the rows that waited for the widths of its columns."""
        waiting, self._waiting = self._waiting or [], None
        self._widths = self._measure(waiting)
        self._open()
        self._put(waiting)

    def _open(self) -> None:
        self.sheets.append(sheet_name(self._name, self.sheets, self._part))
        self._stream = self._zip.open(xlsx_parts.sheet_path(len(self.sheets)), "w")
        self._rows, self._bytes = 0, 0
        self._emit(xlsx_parts.sheet_head(self._widths, frozen=bool(self._columns)))
        if self._columns:
            self._rows = 1
            cells = "".join(
                f'<c r="{letter}1" t="inlineStr" s="{Style.HEADER}"><is>{_t(column)}</is></c>'
                for letter, column in zip(self._letters, self._columns, strict=True)
            )
            self._emit(f'<row r="1">{cells}</row>')

    def _finish(self) -> None:
        """Close the sheet at hand, if there is one."""
        if self._waiting is not None:
            self._begin()
        if self._stream is None:
            return
        last = f"{self._letters[-1]}{self._rows}" if self._letters else ""
        self._filters.append(f"A1:{last}" if last else "")
        self._emit(xlsx_parts.sheet_tail(f"A1:{last}" if last else ""))
        self._stream.close()
        self._stream = None

    def _put(self, rows: Sequence[Row]) -> None:
        while rows:
            if self._rows >= self._max_rows or self._bytes >= _MAX_SHEET:
                self._finish()
                self._part += 1
                self._open()
            fitting = rows[: self._max_rows - self._rows]
            self._emit("".join(map(self._row, fitting)))
            rows = rows[len(fitting) :]

    def _emit(self, text: str) -> None:
        data = text.encode()
        self._bytes += len(data)
        assert self._stream is not None
        self._stream.write(data)

    # --- cells ---

    def _row(self, row: Row) -> str:
        self._rows += 1
        number = self._rows
        plain, cells = self._rules.plain, self._cells
        found = [
            cells[type(cell)](f"{letter}{number}", cell)
            for letter, value in zip(self._letters, row, strict=True)
            if (cell := plain(value)) is not None
        ]
        return f'<row r="{number}">{"".join(found)}</row>'

    def _text(self, ref: str, value: str) -> str:
        style = ""
        if value.startswith(_FORMULA) or value.isdecimal():
            style = f' s="{Style.TEXT}"'
        if _SPECIAL.search(value) is None:
            return f'<c r="{ref}" t="inlineStr"{style}><is><t>{value}</t></is></c>'
        return f'<c r="{ref}" t="inlineStr"{style}><is>{_t(value)}</is></c>'

    def _decimal(self, ref: str, value: Decimal) -> str:
        scale = -int(value.as_tuple().exponent)
        return _number(ref, exact(value), self._styles.of_scale(scale))

    def _measure(self, rows: Sequence[Sequence[Plain]]) -> list[int]:
        widths = [width(column) + 3 for column in self._columns]
        for row in rows:
            for index, value in enumerate(row):
                widths[index] = max(widths[index], _width(value))
        return [min(max(found, _NARROWEST), _WIDEST) for found in widths]


def letters(number: int) -> str:
    """The name of a column, counted from 0: A, Z, AA."""
    name, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def _t(value: str) -> str:
    preserve = ' xml:space="preserve"' if value != value.strip() or "\n" in value else ""
    return f"<t{preserve}>{escape(_ESCAPE.sub('_x005F_', value))}</t>"


def _number(ref: str, value: str, style: int) -> str:
    return f'<c r="{ref}" s="{style}"><v>{value}</v></c>'


def _seconds(value: time) -> float:
    return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6


def _serial(value: datetime) -> str:
    since = value - _EPOCH
    return repr(since.days + (since.seconds + since.microseconds / 1e6) / _DAY)


def _width(value: Plain) -> int:
    match value:
        case None:
            return 0
        case datetime():
            return 20
        case date():
            return 11
        case str():
            return width(value) + 1
        case _:
            return len(str(value)) + 1
