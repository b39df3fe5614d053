"""Files that are made to do harm, or are something else, end in a cell or in plain words, and never in a traceback."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from common.sheets import opening
from common.sheets.opening import opened
from common.sheets.reading import Unreadable

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
BOOK = {
    "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<R><Relationship Id="1" Target="worksheets/s.xml"/></R>',
    "xl/styles.xml": '<s><cellXfs><xf numFmtId="none"/></cellXfs></s>',
}


def read(path: Path, **given: str) -> list[Any]:
    book = opened(path, **given)
    try:
        return [list(cells) for _, cells in book.rows()]
    finally:
        book.close()


def archive(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7\n1,2\n", "this is a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0", "this is a picture"),
        (b"\x1f\x8b\x08\0\0\0", "unpack it"),
        (b"<HTML><table><tr><td>id</td></tr></table>", "this is a web page"),
        (OLE + b"\0" * 600, "this is no spreadsheet"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"", "the file is empty"),
    ],
)
def test_something_else_is_called_by_its_name(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "file.xls").write_bytes(data)
    with pytest.raises(Unreadable, match=said):
        read(tmp_path / "file.xls")


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("letter.docx", {"word/document.xml": "<a/>"}, "it has no workbook"),
        ("broken.ods", {"content.xml": "<a>"}, "this is no spreadsheet"),
        ("broken.xlsb", {"xl/workbook.bin": b"\xff" * 50}, "this is no spreadsheet"),
        ("bomb.ods", {"content.xml": " " * 4_000_000}, "unpacks to far more"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, name: str, files: dict[str, str | bytes], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(archive(tmp_path / name, files))


def test_what_is_read_as_a_whole_is_limited_by_what_it_unpacks_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.ods", {"content.xml": "<a>"})
    monkeypatch.setattr(opening, "LARGEST_UNPACKED", 2)
    with pytest.raises(Unreadable, match="save it as"):
        read(path)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c t="d"><v>no day</v></c>', "no day"),
        ("<c><v>1e400</v></c>", "1e400"),
        ("<c><v>nan</v></c>", "nan"),
        (f"<c><v>{'9' * 5000}</v></c>", "9" * 5000),
        (f'<c s="{"9" * 5000}"><v>1</v></c>', 1),
        (f'<c t="s"><v>{"9" * 5000}</v></c><c><v>2</v></c>', None),
        ('<c t="str"><f>HYPERLINK("http://x")</f><v>=1+1</v></c>', "=1+1"),
    ],
)
def test_a_cell_that_is_not_as_it_should_be_is_a_text_or_nothing(tmp_path: Path, cell: str, value: Any) -> None:
    sheet = f'<w><sheetData><row r="{"9" * 5000}">{cell}</row></sheetData></w>'
    ((first, *_),) = read(archive(tmp_path / "a.xlsx", {**BOOK, "xl/worksheets/s.xml": sheet}))
    assert first == value


def test_a_cell_beyond_the_last_column_is_refused_at_once(tmp_path: Path) -> None:
    sheet = f'<w><row><c r="{"A" * 500_000}1"><v>1</v></c></row></w>'
    files: dict[str, str | bytes] = {**BOOK, "xl/worksheets/s.xml": sheet}
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as out:
        for name, data in files.items():
            out.writestr(name, data)
    with pytest.raises(Unreadable, match="there is no cell"):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize("encoding", ["hex", "zip", "rot13", "base64", "undefined", "utf-16", "nonsense"])
def test_an_encoding_that_is_none_of_text_or_another_is_said(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,x\n")
    with pytest.raises(Unreadable, match=f"not written in {encoding}"):
        read(tmp_path / "a.csv", encoding=encoding)


def test_lines_may_end_as_on_an_old_mac_and_fields_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id;name\r1;x\r")
    assert read(tmp_path / "a.csv") == [["id", "name"], ["1", "x"]]
    (tmp_path / "b.csv").write_text(f"id;text\n1;{'x' * 200_000}\n")
    assert read(tmp_path / "b.csv") == [["id", "text"], ["1", "x" * 200_000]]
