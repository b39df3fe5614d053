"""Reads text files of rows, whatever encoding and delimiter they were written with."""

import csv
import io
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from common.sheets.reading import Row, Unreadable

_SAMPLE = 1 << 18
_LINES = 100
_DELIMITERS = (",", "\t", ";", "|")
#: Characters of one field.
_LONGEST = 10_000_000
#: In this order: what is no UTF-8 is what Chinese Windows writes, or else what the West did.
_GUESSES = ("utf-8", "gb18030", "cp1252")
SHEET = "csv"


class CsvBook:
    """An open file; `encoding` and `delimiter` are found out where they are not given. Raises Unreadable."""

    def __init__(self, path: Path, *, encoding: str = "", delimiter: str = "") -> None:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
        self._path = path
        self.encoding = encoding or guess_encoding(sample)
        try:
            "a".encode(self.encoding)  # refuses what turns bytes into bytes, such as hex
            text = getincrementaldecoder(self.encoding)("strict").decode(sample)
        except (UnicodeError, LookupError):
            raise Unreadable(f"the file is not written in {self.encoding}") from None
        if "\0" in text:
            raise Unreadable("this is no text file")
        self.delimiter = delimiter or guess_delimiter(text)

    @property
    def sheets(self) -> Sequence[str]:
        return [SHEET]

    def close(self) -> None:
        """Nothing is open between two readings."""

    def rows(self, sheet: str | None = None) -> Iterator[Row]:
        csv.field_size_limit(_LONGEST)
        with self._path.open(encoding=self.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            number = 0
            try:
                for number, cells in enumerate(reader, start=1):
                    found = [cell if cell != "" else None for cell in cells]
                    while found and found[-1] is None:
                        found.pop()
                    yield number, found
            except UnicodeError:
                raise Unreadable(f"after row {number} the file is not written in {self.encoding}") from None
            except csv.Error as error:
                raise Unreadable(f"row {number + 1}: {error}") from None


def guess_encoding(sample: bytes) -> str:
    """The encoding of a file that begins like this."""
    for mark, name in ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16")):
        if sample.startswith(mark):
            return name
    for name in _GUESSES[:-1]:
        try:
            # The sample may end within a character, which an incremental decoder waits for.
            getincrementaldecoder(name)("strict").decode(sample)
        except UnicodeDecodeError:
            continue
        return name
    return _GUESSES[-1]


def guess_delimiter(text: str) -> str:
    """The delimiter that cuts most lines into the same number of fields, and into more than one; else a comma."""
    csv.field_size_limit(_LONGEST)
    best, found = (0.0, 0), ","
    for delimiter in _DELIMITERS:
        try:
            lines = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _LINES))
        except csv.Error:
            continue
        widths = [len(line) for line in lines if line][: max(len(lines) - 1, 1)]
        if not widths:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        if usual > 1 and (score := (widths.count(usual) / len(widths), usual)) > best:
            best, found = score, delimiter
    return found
