"""Csv files, read as Excel and programs read them."""

import csv
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.sheets.csv_file import Csv
from common.sheets.rules import Rules
from common.sheets.writer import SheetError
from tests.sheets.values import CHINA


def written(path: Path, rows: list[list[Any]], columns: int = 1, **options: Any) -> bytes:
    file = Csv(path, Rules(zone=CHINA), **options)
    file.table("t", [f"列{number}" for number in range(1, columns + 1)])
    file.write(rows)
    file.close()
    return path.read_bytes()


def test_values_are_exact(tmp_path: Path) -> None:
    values = [
        None,
        True,
        2**63 - 1,
        Decimal("12345678901234567890.10"),
        0.1,
        float("nan"),
        datetime(2026, 2, 28, 20, 0, 0, 5, tzinfo=UTC),
        date(1066, 10, 14),
        time(1, 2, 3),
        b"\x00\xff",
        ["一", 1],
        'say "hi", now\nor never',
    ]
    data = written(tmp_path / "x.csv", [values], len(values))
    rows = list(csv.reader(data.decode("utf-8-sig").splitlines(keepends=True)))
    assert rows[1] == [
        "",
        "TRUE",
        "9223372036854775807",
        "12345678901234567890.10",
        "0.1",
        "",
        "2026-03-01 04:00:00.000005",
        "1066-10-14",
        "01:02:03",
        "00ff",
        '["一", 1]',
        'say "hi", now\nor never',
    ]
    assert data.endswith(b"\r\n")


@pytest.mark.parametrize(("encoding", "start"), [("utf-8-sig", b"\xef\xbb\xbf"), ("utf-8", b""), ("gb18030", b"")])
def test_encodings(tmp_path: Path, encoding: str, start: bytes) -> None:
    data = written(tmp_path / "x.csv", [["张伟 😀 𠮷 \ud800"]], encoding=encoding)
    assert data.startswith(start + "列1".encode(encoding.removesuffix("-sig")))
    assert data.decode(encoding) == "列1\r\n张伟 😀 𠮷 \r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_text_that_would_be_a_formula_gets_an_apostrophe_unless_that_is_switched_off(tmp_path: Path, text: str) -> None:
    assert written(tmp_path / "x.csv", [[text]], encoding="utf-8").endswith(f"\r\n'{text}\r\n".encode())
    assert written(tmp_path / "x.csv", [[text]], encoding="utf-8", guard=False).endswith(f"\r\n{text}\r\n".encode())


def test_a_carriage_return_at_the_start_is_a_line_break_and_numbers_keep_their_sign(tmp_path: Path) -> None:
    data = written(tmp_path / "x.csv", [["\r=1", -5, Decimal("-1.50"), -2.5]], 4, encoding="utf-8")
    assert data.split(b"\r\n", 1)[1] == b'"\n=1",-5,-1.50,-2.5\r\n'


def test_a_file_holds_one_table(tmp_path: Path) -> None:
    file = Csv(tmp_path / "x.csv", Rules())
    file.table("a", ["x"])
    with pytest.raises(SheetError, match="one table"):
        file.table("b", ["x"])
    file.abandon()
