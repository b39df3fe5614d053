"""Opening a file of rows for what it is, whatever it is called."""

import zipfile
from pathlib import Path

from common.sheets.calamine_reader import CalamineBook
from common.sheets.csv_reader import CsvBook
from common.sheets.reading import Book, Unreadable
from common.sheets.xlsx_reader import XlsxBook, check_archive

_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")


def opened(path: Path, *, encoding: str = "", delimiter: str = "") -> Book:
    """The file as a book; `encoding` and `delimiter` are those of text. Raises Unreadable."""
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise Unreadable("the file is empty")
    if start == _OLD_EXCEL:
        return CalamineBook(path)
    if start.startswith(b"PK"):
        return _archive(path)
    return CsvBook(path, encoding=encoding, delimiter=delimiter)


def _archive(path: Path) -> Book:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            check_archive(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise Unreadable(f"the file is damaged: {error}") from None
    if "xl/workbook.bin" in names or "content.xml" in names:
        return CalamineBook(path)
    return XlsxBook(path)
