"""Parquet files, read by pyarrow: types that hold every value of a column, whichever row it stands in."""

import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.sheets.parquet import Parquet
from common.sheets.rules import Rules
from common.sheets.writer import SheetError

NOON = datetime(2026, 2, 28, 12, 0, 0, 123456, tzinfo=UTC)


def column(path: Path, values: list[Any]) -> Any:
    file = Parquet(path, Rules(zone=UTC))
    file.table("t", ["x"])
    for value in values:
        file.write([[value]])
    file.close()
    return pq.read_table(path).column("x")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, 1, 2**63 - 1], pa.int64()),
        ([1, None, 2.5], pa.float64()),
        ([True, None], pa.bool_()),
        ([Decimal("1.5"), Decimal("0.125"), Decimal("12345678901234567890")], pa.decimal128(38, 3)),
        ([NOON, None], pa.timestamp("us", tz="UTC")),
        ([NOON.replace(tzinfo=None)], pa.timestamp("us")),
        ([date(1066, 10, 14)], pa.date32()),
        ([time(1, 2, 3, 4)], pa.time64("us")),
        ([timedelta(hours=-30)], pa.duration("us")),
        ([b"\x00\xff"], pa.binary()),
        (["=1+1", "张伟", ""], pa.string()),
        ([None, None], pa.string()),
    ],
)
def test_a_column_has_the_type_that_holds_all_of_it(tmp_path: Path, values: list[Any], kind: Any) -> None:
    found = column(tmp_path / "x.parquet", values)
    assert found.type == kind
    assert found.to_pylist() == values


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 2**64], ["1", "18446744073709551616"]),
        ([1, "x"], ["1", "x"]),
        ([Decimal("1E+40"), Decimal("1E-20")], ["1" + "0" * 40, "0.00000000000000000001"]),
        ([NOON, NOON.replace(tzinfo=None)], ["2026-02-28 12:00:00.123456+00:00", "2026-02-28 12:00:00.123456"]),
        ([[1, "二"], {"a": None}], ['[1, "二"]', '{"a": null}']),
        ([float("nan"), Decimal("NaN"), 1.5], [None, None, 1.5]),
    ],
)
def test_what_no_type_holds_is_text_and_says_all(tmp_path: Path, values: list[Any], wanted: list[Any]) -> None:
    assert column(tmp_path / "x.parquet", values).to_pylist() == wanted


def test_columns_of_one_name_get_numbers(tmp_path: Path) -> None:
    file = Parquet(tmp_path / "x.parquet", Rules())
    file.table("t", ["id", "id", ""])
    file.write([[1, 2, 3]])
    file.close()
    assert pq.read_table(tmp_path / "x.parquet").column_names == ["id", "id_2", "column_3"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SheetError, match=r"pip install 'rota\[parquet\]'"):
        Parquet(tmp_path / "x.parquet", Rules())
