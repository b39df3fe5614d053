"""Spreadsheets and text files are read as what they hold, in little memory; what would do harm is refused."""

# ruff: noqa: DTZ001 (cells know no zones)

import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from common.sheets import xlsx_reader
from common.sheets.csv_reader import CsvBook
from common.sheets.reading import Cell, Unreadable
from common.sheets.rules import Rules
from common.sheets.xlsx import Workbook
from common.sheets.xlsx_reader import XlsxBook

DAY = date(2026, 11, 27)
WHEN = datetime(2026, 11, 27, 13, 5, 7)


def read(path: Path, sheet: str | None = None) -> list[tuple[int, Sequence[Cell]]]:
    book = XlsxBook(path)
    try:
        return [(number, list(cells)) for number, cells in book.rows(sheet)]
    finally:
        book.close()


def test_a_workbook_of_another_program_is_read_as_it_was_meant(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "订单"
    sheet.append(["编号", "客户", "金额", "日期", "时刻", "钟", "是", "公式"])
    sheet.append([1, "张三 🎉", 12.5, DAY, WHEN, time(8, 30), True, "=1+1"])
    sheet["J5"] = "alone"
    sheet["A6"] = 7
    sheet["A6"].number_format = '0.00" days"'
    sheet["B6"] = 46353.25
    sheet["B6"].number_format = "[$-409]m/d/yy h:mm AM/PM;@"
    book.create_sheet("second").append(["x_x000D_y", "_x0041_"])
    book.save(tmp_path / "a.xlsx")
    opened = XlsxBook(tmp_path / "a.xlsx")
    assert list(opened.sheets) == ["订单", "second"]
    opened.close()
    rows = dict(read(tmp_path / "a.xlsx"))
    assert rows[1] == ["编号", "客户", "金额", "日期", "时刻", "钟", "是", "公式"]
    # A formula that no spreadsheet has computed yet has no value, and is not computed here.
    assert rows[2] == [1, "张三 🎉", 12.5, DAY, WHEN, time(8, 30), True]
    assert rows[5] == [None] * 9 + ["alone"]
    assert rows[6] == [7, datetime(2026, 11, 27, 6, 0)]
    with pytest.raises(Unreadable, match="no sheet third"):
        read(tmp_path / "a.xlsx", "third")


def test_what_an_export_wrote_is_read_back(tmp_path: Path) -> None:
    values: list[Any] = [1, 2**53 + 1, 0.1, Decimal("12.50"), "=1+1", " a\nb ", None, True, DAY, WHEN, "中文"]
    writer = Workbook(tmp_path / "b.xlsx", Rules())
    writer.table("t", [f"c{number}" for number in range(len(values))])
    writer.write([values, [None] * len(values)])
    writer.close()
    (_, names), (_, cells), *_rest = read(tmp_path / "b.xlsx")
    assert names[0] == "c0"
    assert list(cells) == [1, str(2**53 + 1), 0.1, 12.5, "=1+1", " a\nb ", None, True, DAY, WHEN, "中文"]


def test_many_rows_need_little_memory(tmp_path: Path) -> None:
    writer = Workbook(tmp_path / "many.xlsx", Rules())
    writer.table("t", ["id", "name", "day"])
    writer.write([number, f"customer {number}", DAY] for number in range(20_000))
    writer.close()
    book = XlsxBook(tmp_path / "many.xlsx")
    tracemalloc.start()
    count = sum(1 for _ in book.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    book.close()
    assert count == 20_001
    assert peak < 4_000_000


SHEET = '<worksheet xmlns="x"><sheetData>{}</sheetData></worksheet>'


def made(path: Path, sheet: str, **more: str) -> Path:
    """A workbook of these parts."""
    files = {
        "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="i"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<R><Relationship Id="i" Target="worksheets/s.xml"/></R>',
        "xl/worksheets/s.xml": sheet,
        **{name.replace("__", "/") + ".xml": text for name, text in more.items()},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("sheet", "more", "words"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + SHEET.format("<row><c><v>&a;</v></c></row>"), {}, "document type"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>', {}, "document type"),
        (SHEET.format("<row><c><v>1</c></row>"), {}, "damaged"),
        (SHEET.format('<row><c t="s"><v>5</v></c></row>'), {}, "no shared text 5"),
        (SHEET.format('<row><c r="ZZZZ1"><v>5</v></c></row>'), {}, "no cell ZZZZ1"),
        (" " * 5_000_000 + SHEET.format(""), {}, "unpacks to far more"),
        (SHEET.format(""), {"xl__styles": "<!DOCTYPE x><styleSheet/>"}, "document type"),
    ],
)
def test_what_would_do_harm_is_refused(tmp_path: Path, sheet: str, more: dict[str, str], words: str) -> None:
    path = made(tmp_path / "x.xlsx", sheet, **more)
    with pytest.raises(Unreadable, match=words):
        read(path)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "x.xlsx", SHEET.format("<row><c><v>1</v></c></row>"))
    assert read(path) == [(1, [1])]
    monkeypatch.setattr(xlsx_reader, "MOST_BYTES", 100)
    with pytest.raises(Unreadable, match="unpack to more"):
        XlsxBook(path)
    (tmp_path / "y.xlsx").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(Unreadable, match=r"no \.xlsx file"):
        XlsxBook(tmp_path / "y.xlsx")


def test_days_of_two_epochs_and_of_the_year_that_was_no_leap_year(tmp_path: Path) -> None:
    styles = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    cells = "".join(f'<c s="1"><v>{serial}</v></c>' for serial in (1, 59, 61, 46353.5, 0.25))
    path = made(tmp_path / "d.xlsx", SHEET.format(f"<row>{cells}</row>"), xl__styles=styles)
    assert read(path)[0][1] == [
        date(1900, 1, 1),
        date(1900, 2, 28),
        date(1900, 3, 1),
        datetime(2026, 11, 27, 12),
        time(6, 0),
    ]


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter", "rows"),
    [
        ("编号,姓名\r\n1,张三\r\n".encode("utf-8-sig"), "utf-8-sig", ",", [["编号", "姓名"], ["1", "张三"]]),
        ("编号;姓名\n1;李,四\n".encode("gb18030"), "gb18030", ";", [["编号", "姓名"], ["1", "李,四"]]),
        ("a\tb\n1\t2\n".encode("utf-16"), "utf-16", "\t", [["a", "b"], ["1", "2"]]),
        (b'a,b\n"x\ny, z",\n', "utf-8", ",", [["a", "b"], ["x\ny, z"]]),
        (b"only\none\n", "utf-8", ",", [["only"], ["one"]]),
        (b"a|b|c\n1,5|2|3\n", "utf-8", "|", [["a", "b", "c"], ["1,5", "2", "3"]]),
        (b"", "utf-8", ",", []),
    ],
)
def test_encoding_and_delimiter_of_a_text_are_found_out(
    tmp_path: Path, data: bytes, encoding: str, delimiter: str, rows: list[list[str]]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    book = CsvBook(path)
    assert (book.encoding, book.delimiter) == (encoding, delimiter)
    assert [list(cells) for _, cells in book.rows()] == rows


def test_a_text_that_turns_out_to_be_written_otherwise_says_where(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" * 100_000 + b"\xff,1\n")
    with pytest.raises(Unreadable, match=r"after row .* not written in utf-8"):
        list(CsvBook(path).rows())
    path.write_bytes(b"\x00\x01\x02" * 100)
    with pytest.raises(Unreadable, match="no text file"):
        CsvBook(path)
    with pytest.raises(Unreadable, match="not written in nonsense"):
        CsvBook(path, encoding="nonsense")
