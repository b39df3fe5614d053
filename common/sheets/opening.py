"""Opening a file of rows for what it is, whatever it is called."""

import zipfile
from pathlib import Path

from common.sheets.calamine_reader import CalamineBook
from common.sheets.csv_reader import CsvBook
from common.sheets.reading import Book, Unreadable
from common.sheets.xlsx_reader import XlsxBook, check_archive

#: What people take for a spreadsheet, by how it begins.
_OTHERS = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a packed file (gzip): unpack it",
    b"7z\xbc\xaf": "a packed file (7z): unpack it",
    b"Rar!": "a packed file (rar): unpack it",
    b"PAR1": "a Parquet file",
    b"<!doctype": "a web page, whatever its name says: open it and save it as .xlsx",
    b"<html": "a web page, whatever its name says: open it and save it as .xlsx",
}
#: Bytes that a workbook which is read as a whole may unpack to.
LARGEST_UNPACKED = 400_000_000
_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")


def opened(path: Path, *, encoding: str = "", delimiter: str = "") -> Book:
    """The file as a book; `encoding` and `delimiter` are those of text. Raises Unreadable."""
    with path.open("rb") as file:
        start = file.read(16)
    if not start:
        raise Unreadable("the file is empty")
    for mark, what in _OTHERS.items():
        if start.lower().startswith(mark.lower()):
            raise Unreadable(f"this is {what}")
    if start.startswith(_OLD_EXCEL):
        return CalamineBook(path)
    if start.startswith(b"PK"):
        return _archive(path)
    return CsvBook(path, encoding=encoding, delimiter=delimiter)


def _archive(path: Path) -> Book:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            check_archive(archive)
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise Unreadable(f"the file is damaged: {error}") from None
    if "xl/workbook.bin" in names or "content.xml" in names:
        if unpacked > LARGEST_UNPACKED:
            raise Unreadable("a file of this kind that unpacks to so much is not read: save it as .xlsx")
        return CalamineBook(path)
    return XlsxBook(path)
