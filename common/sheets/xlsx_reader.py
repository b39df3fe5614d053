"""Reads .xlsx of any length in little memory: a row is there while it is looked at, shared texts lie in a file.

Formulas are never computed: a cell is what was computed when the file was saved. What is not needed is not unpacked,
declarations of document types are refused, and so is an archive that unpacks to far more than a spreadsheet does.
"""

import re
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat

from common.sheets.reading import Cell, Row, Unreadable

#: Files in the archive, bytes of all of them unpacked, and how many times larger than packed one of them may be.
MOST_FILES, MOST_BYTES, MOST_RATIO = 10_000, 8 << 30, 400
_SMALL = 1 << 20
_PIECE = 1 << 16
#: Excel knows no more columns.
_COLUMNS = 16_384
#: Digits of a number of the file's own.
_DIGITS = 15
#: Formats of numbers that are dates or times without saying so (ECMA-376, 18.8.30).
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_FORMAT = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.', re.IGNORECASE)
_IN_MEMORY = 16 << 20
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _Parser:
    """expat, fed piece by piece, that takes no document type."""

    def __init__(
        self, start: Callable[[str, Mapping[str, str]], None], end: Callable[[str], None], text: Callable[[str], None]
    ) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = lambda name, attributes: start(_local(name), attributes)
        self._parser.EndElementHandler = lambda name: end(_local(name))
        self._parser.CharacterDataHandler = text
        self._parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: Any) -> None:
        raise Unreadable("the file declares a document type, which no spreadsheet does")

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """Take some of the file; raises Unreadable."""
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise Unreadable(f"the file is damaged: {error}") from None


class _Texts:
    """The texts that cells share, in a file beside: there may be more than memory holds."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed by close)
        self._ends = array("Q", [0])
        self.get = lru_cache(4096)(self._read)

    def add(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def _read(self, index: int) -> str:
        if not 0 <= index < len(self._ends) - 1:
            raise Unreadable(f"the file is damaged: there is no shared text {index}")
        start = self._ends[index]
        self._file.seek(start)
        return self._file.read(self._ends[index + 1] - start).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._file.close()


def check_archive(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that unpacks to more than a spreadsheet does, or takes a password; raises Unreadable."""
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_FILES or total > MOST_BYTES:
        raise Unreadable("the file would unpack to more than a spreadsheet holds")
    for entry in entries:
        if entry.file_size > _SMALL and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise Unreadable("the file unpacks to far more than a spreadsheet does")
        if entry.flag_bits & 1:
            raise Unreadable("the file is protected by a password; save it without one")


class XlsxBook:
    """An open workbook; raises Unreadable for what is none."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise Unreadable(f"this is no .xlsx file: {error}") from None
        self._texts: _Texts | None = None
        try:
            check_archive(self._archive)
            self._sheets, self._base_1904 = self._workbook()
            self._is_date = self._styles()
        except BaseException:
            self._archive.close()
            raise

    @property
    def sheets(self) -> Sequence[str]:
        return list(self._sheets)

    def close(self) -> None:
        self._archive.close()
        if self._texts is not None:
            self._texts.close()

    def rows(self, sheet: str | None = None) -> Iterator[Row]:
        name = sheet if sheet is not None else next(iter(self._sheets))
        if name not in self._sheets:
            raise Unreadable(f"there is no sheet {name} (there are: {', '.join(self._sheets)})")
        if self._texts is None:
            self._texts = self._shared()
        reader = _SheetReader(self._texts, self._is_date, base_1904=self._base_1904)
        for data in self._pieces(self._sheets[name]):
            reader.feed(data)
            yield from reader.take()
        reader.feed(b"", last=True)
        yield from reader.take()

    # --- the archive ---

    def _pieces(self, name: str) -> Iterator[bytes]:
        """A file of the archive, some at a time; what is longer than it says it is is refused by zipfile."""
        try:
            with self._archive.open(name) as file:
                while data := file.read(_PIECE):
                    yield data
        except KeyError:
            raise Unreadable(f"the file is damaged: {name} is missing") from None
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
            raise Unreadable(f"the file is damaged: {error}") from None

    def _has(self, name: str) -> bool:
        return name in self._archive.NameToInfo

    def _elements(self, name: str, start: Callable[[str, Mapping[str, str]], None]) -> None:
        parser = _Parser(start, lambda _: None, lambda _: None)
        for data in self._pieces(name):
            parser.feed(data)
        parser.feed(b"", last=True)

    def _workbook(self) -> tuple[dict[str, str], bool]:
        """Names of the sheets with their files, and whether days are counted from 1904."""
        targets: dict[str, str] = {}
        named: list[tuple[str, str]] = []
        base_1904 = [False]

        def relation(name: str, attributes: Mapping[str, str]) -> None:
            if name == "Relationship":
                target = attributes.get("Target", "")
                whole = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
                targets[attributes.get("Id", "")] = whole

        def book(name: str, attributes: Mapping[str, str]) -> None:
            if name == "sheet":
                link = next((value for key, value in attributes.items() if _local(key) == "id" and ":" in key), "")
                named.append((attributes.get("name", ""), link))
            elif name == "workbookPr":
                base_1904[0] = attributes.get("date1904", "0") in ("1", "true")

        if not self._has("xl/workbook.xml"):
            raise Unreadable("this is no .xlsx file: it has no workbook")
        self._elements("xl/_rels/workbook.xml.rels", relation)
        self._elements("xl/workbook.xml", book)
        sheets = {name: targets[link] for name, link in named if "worksheets" in targets.get(link, "")}
        if not sheets:
            raise Unreadable("the workbook has no sheet with cells")
        return sheets, base_1904[0]

    def _styles(self) -> list[bool]:
        """Whether the numbers of each style are dates."""
        own: dict[int, str] = {}
        formats: list[int] = []
        inside = [False]

        def start(name: str, attributes: Mapping[str, str]) -> None:
            if name == "numFmt":
                own[_whole(attributes.get("numFmtId", "0")) or 0] = attributes.get("formatCode", "")
            elif name in ("cellXfs", "cellStyleXfs", "dxfs", "cellStyles"):
                inside[0] = name == "cellXfs"
            elif name == "xf" and inside[0]:
                formats.append(_whole(attributes.get("numFmtId", "0")) or 0)

        if self._has("xl/styles.xml"):
            self._elements("xl/styles.xml", start)
        return [_is_date(number, own.get(number)) for number in formats]

    def _shared(self) -> _Texts:
        texts = _Texts()
        parts: list[str] = []
        state = {"text": False, "phonetic": False}

        def start(name: str, _: Mapping[str, str]) -> None:
            if name == "t":
                state["text"] = not state["phonetic"]
            elif name == "rPh":
                state["phonetic"] = True

        def end(name: str) -> None:
            if name == "t":
                state["text"] = False
            elif name == "rPh":
                state["phonetic"] = False
            elif name == "si":
                texts.add(_unescaped("".join(parts)))
                parts.clear()

        def text(data: str) -> None:
            if state["text"]:
                parts.append(data)

        if self._has("xl/sharedStrings.xml"):
            parser = _Parser(start, end, text)
            for data in self._pieces("xl/sharedStrings.xml"):
                parser.feed(data)
            parser.feed(b"", last=True)
        return texts


def _is_date(number: int, code: str | None) -> bool:
    if code is None:
        return number in _DATES
    plain = _NOT_FORMAT.sub("", code.partition(";")[0]).lower()
    return any(letter in plain for letter in "ymdhs") and "general" not in plain


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold are written `_x000D_`."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


class _SheetReader:
    """Makes rows of the elements of a sheet."""

    def __init__(self, texts: _Texts, is_date: Sequence[bool], *, base_1904: bool) -> None:
        self._texts = texts
        self._is_date = is_date
        self._epoch = datetime(1904, 1, 1) if base_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 (no zone in a cell)
        self._leap = not base_1904
        self._parser = _Parser(self._start, self._end, self._text)
        self._done: list[Row] = []
        self._number = 0
        self._cells: list[Cell] = []
        self._column = 0
        self._kind = "n"
        self._style = 0
        self._parts: list[str] = []
        self._reading = False
        self._phonetic = False

    def feed(self, data: bytes, *, last: bool = False) -> None:
        self._parser.feed(data, last=last)

    def take(self) -> list[Row]:
        """The rows that are complete."""
        done, self._done = self._done, []
        return done

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            reference = attributes.get("r")
            self._column = _column(reference) if reference else self._column + 1
            if not 1 <= self._column <= _COLUMNS:
                raise Unreadable(f"the file is damaged: there is no cell {reference}")
            self._kind, style = attributes.get("t", "n"), attributes.get("s", "0")
            self._style = _whole(style) or 0
            self._parts.clear()
        elif name in ("v", "t"):
            self._reading = not self._phonetic
        elif name == "rPh":
            self._phonetic = True
        elif name == "row":
            number = attributes.get("r", "")
            whole = _whole(number)
            self._number = self._number + 1 if whole is None else whole
            self._cells, self._column = [], 0

    def _text(self, data: str) -> None:
        if self._reading:
            self._parts.append(data)

    def _end(self, name: str) -> None:
        if name in ("v", "t"):
            self._reading = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "c":
            value = self._value("".join(self._parts))
            if value is not None:
                self._cells += [None] * (self._column - 1 - len(self._cells))
                self._cells.append(value)
        elif name == "row":
            self._done.append((self._number, self._cells))

    def _value(self, text: str) -> Cell:
        match self._kind:
            case "s":
                index = _whole(text.strip())
                return self._texts.get(index) if index is not None else None
            case "inlineStr" | "str":
                return _unescaped(text)
            case "b":
                return text.strip() == "1"
            case "d":
                return _iso(text) if text else None
            case "e":
                # What could not be computed (#N/A, #DIV/0!) is no value.
                return None
        if not text.strip():
            return None
        number = _number(text.strip())
        if self._style < len(self._is_date) and self._is_date[self._style] and not isinstance(number, str):
            return self._moment(number)
        return number

    def _moment(self, serial: float) -> Cell:
        """A day, an instant or a time of the day; a number that is none stays one."""
        if not 0 <= serial < 2_958_466:
            return serial
        if serial < 1:
            micros = round(serial * 86_400_000) * 1000
            return (self._epoch + timedelta(microseconds=micros)).time() if micros < 86_400_000_000 else time(0)
        days = int(serial)
        # Excel takes 1900 for a leap year: before its 29th of February everything is a day earlier.
        shift = 1 if self._leap and days < 60 else 0
        millis = round((serial - days) * 86_400_000)
        found = self._epoch + timedelta(days=days + shift, milliseconds=millis)
        whole = found.hour == found.minute == found.second == found.microsecond == 0
        return found.date() if whole else found


def _column(reference: str) -> int:
    """1 for A, 27 for AA."""
    found = 0
    for character in reference:
        if "A" <= character <= "Z":
            found = found * 26 + ord(character) - 64
        else:
            break
        if found > _COLUMNS:
            break
    return found


def _whole(text: str) -> int | None:
    """A number of the file's own, such as that of a style; None for what is none, or longer than any."""
    return int(text) if len(text) <= _DIGITS and text.isdecimal() else None


def _iso(text: str) -> Cell:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return text
    return found if isfinite(found) else text
