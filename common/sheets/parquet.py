"""Parquet, by pyarrow: the extra `parquet`.

A column's type must be known before its first value is written, and only the last row says what it is: the rows wait
in a file of their own until all of them are there.
"""

import math
import pickle
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from common.sheets.rules import Rules, as_json, exact
from common.sheets.writer import Row, SheetError, unique

_AT_ONCE = 10_000
_INT64 = 2**63
_MAX_PRECISION = 38
MISSING = "Parquet files need pyarrow on the worker: pip install 'rota[parquet]'"


@dataclass
class _Column:
    """What has been seen in a column."""

    name: str
    kinds: set[type] = field(default_factory=set)
    large: bool = False
    whole: int = 0
    scale: int = 0
    aware: bool = False
    naive: bool = False

    def see(self, value: Any) -> None:
        """Take note of a value that is not None."""
        kind = type(value)
        self.kinds.add(kind)
        if kind is int:
            self.large |= not -_INT64 <= value < _INT64
        elif kind is Decimal:
            scale = max(0, -int(value.as_tuple().exponent))
            self.scale = max(self.scale, scale)
            self.whole = max(self.whole, value.adjusted() + 1, 1)
        elif kind is datetime:
            self.aware |= value.tzinfo is not None
            self.naive |= value.tzinfo is None


class Parquet:
    """A .parquet file at `path`; raises SheetError when pyarrow is not installed."""

    def __init__(self, path: Path, rules: Rules) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise SheetError(MISSING) from None
        self._arrow: Any = pyarrow
        self._path = path
        self._rules = rules
        self._rows = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 (closed with this)
        self._columns: list[_Column] = []
        self._begun = False

    def table(self, name: str, columns: Sequence[str]) -> None:
        """Begin the one table of the file; raises SheetError for a second."""
        if self._begun:
            raise SheetError(f"{name}: a parquet file holds one table.")
        self._begun = True
        self._columns = [_Column(column) for column in unique(columns)]

    def write(self, rows: Iterable[Row]) -> None:
        """Take rows."""
        iterator = iter(rows)
        while batch := [[_value(value) for value in row] for row in islice(iterator, _AT_ONCE)]:
            for index, column in enumerate(self._columns):
                for row in batch:
                    if row[index] is not None:
                        column.see(row[index])
            pickle.dump(batch, self._rows, pickle.HIGHEST_PROTOCOL)

    def size(self) -> int:
        """A guess from below: nobody knows how small the file will be that all these rows make."""
        return self._rows.tell() // 10

    def close(self) -> None:
        """Write the file."""
        types = [self._type(column) for column in self._columns]
        schema = self._arrow.schema(
            [self._arrow.field(column.name, kind) for column, kind in zip(self._columns, types, strict=True)]
        )
        texts = [self._arrow.types.is_string(kind) for kind in types]
        end = self._rows.tell()
        self._rows.seek(0)
        with self._arrow.parquet.ParquetWriter(self._path, schema, compression="zstd") as writer:
            while self._rows.tell() < end:
                batch = pickle.load(self._rows)  # noqa: S301 (our own file, which has no name)
                arrays = [
                    self._arrow.array([_text(row[index]) if texts[index] else row[index] for row in batch], kind)
                    for index, kind in enumerate(types)
                ]
                writer.write_table(self._arrow.Table.from_arrays(arrays, schema=schema))
        self._rows.close()

    def abandon(self) -> None:
        """Let go of what was taken."""
        self._rows.close()

    def _type(self, column: _Column) -> Any:
        arrow, kinds = self._arrow, column.kinds
        if kinds == {bool}:
            return arrow.bool_()
        if kinds == {int} and not column.large:
            return arrow.int64()
        if kinds and kinds <= {int, float} and not column.large:
            return arrow.float64()
        if kinds == {Decimal} and column.whole + column.scale <= _MAX_PRECISION:
            return arrow.decimal128(_MAX_PRECISION, column.scale)
        if kinds == {datetime} and not (column.aware and column.naive):
            return arrow.timestamp("us", tz=str(self._rules.zone) if column.aware else None)
        if kinds == {date}:
            return arrow.date32()
        if kinds == {time}:
            return arrow.time64("us")
        if kinds == {timedelta}:
            return arrow.duration("us")
        if kinds == {bytes}:
            return arrow.binary()
        return arrow.string()


def _value(value: object) -> object:
    """The value as Arrow takes it, or as text."""
    match value:
        case None | bool() | int() | datetime() | date() | str() | timedelta() | bytes():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return value if value.is_finite() else None
        case time():
            return value.replace(tzinfo=None)
        case bytearray() | memoryview():
            return bytes(value)
        case list() | tuple() | dict() | set():
            return as_json(value)
        case _:
            return str(value)


def _text(value: object) -> str | None:
    """A value of a column of which the kinds do not fit together."""
    match value:
        case None | str():
            return value
        case Decimal():
            return exact(value)
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat(" ")
        case bytes():
            return value.hex()
        case _:
            return str(value)
