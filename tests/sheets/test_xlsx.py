"""Workbooks as openpyxl, calamine and LibreOffice read them, cell by cell."""

import math
import re
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.sheets.names import sheet_name, width
from common.sheets.rules import Rules
from common.sheets.writer import SheetError
from common.sheets.xlsx import MAX_COLUMNS, MAX_ROWS, Workbook, letters
from tests.sheets.readers import READERS, Rows, by_calamine, by_openpyxl, converted
from tests.sheets.values import CELLS, CHINA


def book(path: Path, *tables: tuple[str, list[str], list[list[Any]]], **options: Any) -> Rules:
    """A workbook of these tables; gives the rules it was written by."""
    rules = Rules(zone=CHINA)
    file = Workbook(path, rules, **options)
    for name, columns, rows in tables:
        file.table(name, columns)
        for row in rows:
            file.write([row])
    file.close()
    return rules


def same(read: Any, wanted: Any) -> bool:
    """Whether a reader's value is the one wanted; readers differ in the types of numbers and times."""
    match wanted:
        case bool() | None:
            return read is wanted
        case int() | float():
            return (
                isinstance(read, int | float) and not isinstance(read, bool) and math.isclose(read, wanted, rel_tol=0)
            )
        case datetime() if type(read) is date:  # calamine at midnight
            return bool(datetime.combine(read, time()) == wanted)
        case datetime():
            return isinstance(read, datetime) and abs(read - wanted) < timedelta(milliseconds=1)
        case "":
            return read in ("", None)  # calamine does not tell the two apart
        case date():
            return read in (wanted, datetime.combine(wanted, time()))
        case timedelta() if isinstance(read, datetime):
            return abs(read - datetime(1899, 12, 30) - wanted) < timedelta(milliseconds=1)  # noqa: DTZ001
        case _:
            return bool(read == wanted)


#: What LibreOffice keeps otherwise, or calamine reads otherwise of its files: not a matter of ours.
_IN_OPEN_DOCUMENT = {
    "true": 1,
    "false": 0,
    "float": 0.3,
    "duration": "PT30H15M00S",
    "lines": "a\nb\nc\nde",
}


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheets") / "every.xlsx"
    rules = book(path, ("数据", ["what", "value"], [[what, value] for what, (value, _) in CELLS.items()]))
    assert rules.notes.cut == 2
    assert rules.notes.stripped == 3
    return path


@pytest.mark.parametrize("reader", READERS)
def test_every_kind_of_value_is_read_as_what_it_is(every_kind: Path, reader: str) -> None:
    header, *rows = READERS[reader](every_kind)["数据"]
    assert header == ["what", "value"]
    wanted = {what: cell for what, (_, cell) in CELLS.items()}
    wrong = {what: value for what, value in rows if not same(value, wanted[what])}
    assert wrong == {}
    assert [what for what, _ in rows] == list(wanted)


def test_libreoffice_shows_the_same_cells_and_not_one_formula(every_kind: Path, tmp_path: Path) -> None:
    here = tmp_path / every_kind.name
    here.write_bytes(every_kind.read_bytes())
    calc = converted(here, "ods")
    with zipfile.ZipFile(calc) as archive:
        content = archive.read("content.xml").decode()
    formulas = re.findall(r'table:formula="(.*?)"', content)
    assert set(formulas) == {"of:=TRUE()", "of:=FALSE()"}  # how LibreOffice keeps true and false, of its own accord
    assert "xlink:href" not in re.sub(r"<office:(scripts|font-face-decls).*?>", "", content)
    read = {str(what): value for what, value in by_calamine(calc)["数据"][1:]}
    wanted = {what: cell for what, (_, cell) in CELLS.items()} | _IN_OPEN_DOCUMENT
    shown = {what: value for what, value in read.items() if not same(value, wanted[what])}
    assert shown == {}


def test_cells_look_like_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "looks.xlsx"
    values = [
        value
        for value, _ in (CELLS[what] for what in ("price", "moment", "day", "clock", "duration", "number as text"))
    ]
    book(path, ("t", list("abcdef"), [values]))
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    assert [cell.number_format for cell in sheet[2]] == [
        "0.00",
        "yyyy-mm-dd hh:mm:ss",
        "yyyy-mm-dd",
        "hh:mm:ss",
        "[h]:mm:ss",
        "@",
    ]
    assert all(cell.font.b for cell in sheet[1])
    assert not any(cell.font.b for cell in sheet[2])
    assert sheet["F2"].quotePrefix


def test_the_header_stays_in_view_and_filters_and_columns_are_as_wide_as_their_text(tmp_path: Path) -> None:
    path = tmp_path / "wide.xlsx"
    rows: list[list[Any]] = [["x", "北京市朝阳区建国路", None, "y" * 500]] * 3
    book(path, ("数据", ["id", "地址", "empty", "long"], rows))
    sheet = openpyxl.load_workbook(path)["数据"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:D4"
    widths = [sheet.column_dimensions[letter].width for letter in "ABCD"]
    assert widths == [6, 19, 8, 60]


@pytest.mark.parametrize("reader", READERS)
def test_a_table_that_is_too_long_goes_on_in_a_further_sheet_with_its_header(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "long.xlsx"
    book(
        path,
        ("数据", ["n"], [[n] for n in range(1, 9)]),
        ("other", ["m"], [[1]]),
        ("数据", ["again"], []),
        max_rows=4,
    )
    sheets = READERS[reader](path)
    assert list(sheets) == ["数据", "数据_2", "数据_3", "other", "数据_4"]
    assert [row[0] for row in sheets["数据"]] == ["n", 1, 2, 3]
    assert [row[0] for row in sheets["数据_2"]] == ["n", 4, 5, 6]
    assert [row[0] for row in sheets["数据_3"]] == ["n", 7, 8]
    assert sheets["数据_4"] == [["again"]]


def test_the_limits_are_those_of_excel() -> None:
    assert (MAX_ROWS, letters(MAX_COLUMNS - 1)) == (1_048_576, "XFD")
    assert [letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_more_columns_than_a_sheet_has_are_refused(tmp_path: Path) -> None:
    file = Workbook(tmp_path / "x.xlsx", Rules())
    with pytest.raises(SheetError, match="16,384"):
        file.table("t", ["c"] * (MAX_COLUMNS + 1))
    file.abandon()


def test_a_workbook_without_a_table_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "empty.xlsx"
    book(path)
    assert list(by_openpyxl(path)) == ["Sheet1"]
    book(path, ("", [], []))
    assert by_openpyxl(path) == {"Sheet": [[None]]} or by_openpyxl(path) == {"Sheet": []}


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("数据", [], "数据"),
        ("a/b:c*d?[e]\\f", [], "a_b_c_d__e__f"),
        ("'quoted'", [], "quoted"),
        ("  ", [], "Sheet"),
        ("History", [], "History_2"),
        ("Data", ["dATA"], "Data_2"),
        ("Data", ["data", "data_2"], "Data_3"),
        ("长" * 40, [], "长" * 31),
        ("长" * 40, ["长" * 31], "长" * 29 + "_2"),
        ("😀" * 20, [], "😀" * 15),
    ],
)
def test_names_of_sheets_are_such_as_excel_takes(wanted: str, taken: list[str], name: str) -> None:
    assert sheet_name(wanted, taken) == name


def test_chinese_characters_are_two_wide() -> None:
    assert [width(text) for text in ("abc", "张伟", "a张", "a\n张伟x", "")] == [3, 4, 3, 5, 0]


def test_an_abandoned_workbook_is_let_go(tmp_path: Path) -> None:
    file = Workbook(tmp_path / "x.xlsx", Rules())
    file.table("t", ["a"])
    file.write([[n] for n in range(1000)])
    file.abandon()
    assert not zipfile.is_zipfile(tmp_path / "x.xlsx")


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
    st.dates(min_value=date(1900, 3, 1)),
    st.datetimes(min_value=datetime(1900, 3, 1), max_value=datetime(9999, 12, 31)),  # noqa: DTZ001
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_CELL, min_size=3, max_size=3), max_size=5), title=_TEXT)
def test_whatever_is_written_is_read(tmp_path: Path, rows: Rows, title: str) -> None:
    path = tmp_path / "any.xlsx"
    book(path, (title, ["a", "b", "c"], rows))
    plain = Rules(zone=CHINA).plain
    for read in READERS.values():
        ((name, (header, *found)),) = read(path).items()
        assert 0 < len(name.encode("utf-16-le")) <= 62
        assert header == ["a", "b", "c"]
        # Rows at the end without a single value are not there for some readers.
        found += [[None] * 3] * (len(rows) - len(found))
        for row, wanted in zip(found, rows, strict=True):
            for cell, value in zip(row, map(plain, wanted), strict=True):
                assert same(cell, value), (cell, value)
