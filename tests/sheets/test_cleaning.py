"""Cells as people fill them in: what is meant is taken, and nothing is guessed that could mean two things."""

from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.sheets import cleaning
from common.sheets.cleaning import BadCell, Cleaning, converted, mark_of


@pytest.mark.parametrize(
    ("kind", "cell", "wanted"),
    [
        ("integer", "１，２３４", 1234),
        ("integer", 12.0, 12),
        ("integer", "9007199254740993", 9007199254740993),
        ("integer", True, 1),
        ("decimal", "￥1,234.50", Decimal("1234.50")),
        ("decimal", "1 234,5", None),
        ("decimal", "12%", Decimal("0.12")),
        ("decimal", "(7)", Decimal(-7)),
        ("decimal", "1e3", Decimal(1000)),
        ("decimal", 0.1, Decimal("0.1")),
        ("decimal", "much", None),
        ("decimal", "1.2.3", None),
        ("integer", "1e999999999", None),
        ("integer", "9" * 5000, None),
        ("decimal", float("nan"), None),
        ("integer", float("inf"), None),
        ("decimal", datetime(2026, 1, 1), None),  # noqa: DTZ001
        ("integer", "1.5", None),
        ("float", "1e-7", 1e-7),
        ("boolean", "是", True),
        ("boolean", "N", False),
        ("boolean", 0, False),
        ("boolean", "perhaps", None),
        ("text", 12.0, "12"),
        ("text", True, "true"),
        ("text", date(2026, 3, 1), "2026-03-01"),
        ("date", "2026年3月1日", date(2026, 3, 1)),
        ("date", "20260301", date(2026, 3, 1)),
        ("date", 46082, date(2026, 3, 1)),
        ("date", "2026-02-30", None),
        ("date", "03/04/2026", None),
        ("datetime", "2026-03-01T08:00:00Z", None),
        ("datetime", "2026-03-01 08:00+08:00", None),
        ("date", "2026-03-01 08:00", None),
        ("date", time(8), None),
        ("datetime", "2026/3/1 8:05", datetime(2026, 3, 1, 8, 5)),  # noqa: DTZ001
        ("datetime", "2026-03-01T08:05:06.5", datetime(2026, 3, 1, 8, 5, 6, 500_000)),  # noqa: DTZ001
        ("datetime", "2026年3月1日 8时5分6秒", datetime(2026, 3, 1, 8, 5, 6)),  # noqa: DTZ001
        ("datetime", date(2026, 3, 1), datetime(2026, 3, 1)),  # noqa: DTZ001
        ("auto", "as it is", "as it is"),
    ],
)
def test_what_is_meant_is_taken_and_what_is_not_clear_refused(kind: str, cell: Any, wanted: Any) -> None:
    if wanted is None:
        with pytest.raises(BadCell):
            converted(cell, kind)
    else:
        found = converted(cell, kind)
        assert (found, type(found)) == (wanted, type(wanted))


def test_a_format_says_what_a_date_means() -> None:
    assert converted("03/04/2026", "date", "%d/%m/%Y") == date(2026, 4, 3)
    with pytest.raises(BadCell, match="%d/%m/%Y"):
        converted("2026-04-03", "date", "%d/%m/%Y")


def test_cleaning_takes_away_what_nobody_sees() -> None:
    assert Cleaning().text("\u3000 ＡＢＣ１２\u200b ") == "ABC12"
    assert Cleaning().text(" \u00a0") is None
    kept = Cleaning(trim=False, empty_is_null=False, plain_width=False)
    assert [kept.text(text) for text in ("", " x ", "１")] == ["", " x ", "１"]
    assert cleaning.name_of(" Order-ID ") == cleaning.name_of("order_id") == cleaning.name_of("ＯＲＤＥＲ　ＩＤ")


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.dates(), st.times()))
def test_a_cell_is_converted_or_refused(cell: Any) -> None:
    for kind in ("text", "integer", "decimal", "float", "date", "datetime", "boolean"):
        with suppress(BadCell):
            converted(cell, kind)


def test_wide_letters_and_digits_become_plain_and_the_marks_of_chinese_stay() -> None:
    assert Cleaning().text("北京市（海淀区），Ｂ座１２层！") == "北京市（海淀区），B座12层！"


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=3), st.lists(st.integers(-50, 50), min_size=1, max_size=3))
def test_only_the_same_values_have_the_same_mark(one: list[int], other: list[int]) -> None:
    assert (mark_of(one) == mark_of(other)) == (one == other)


def test_values_that_only_look_alike_have_other_marks_and_equal_numbers_the_same() -> None:
    assert mark_of([-1]) != mark_of([-2]), "which have the same hash"
    assert mark_of([0]) != mark_of([2**61 - 1])
    assert mark_of([None]) != mark_of(["None"])
    assert mark_of(["a", "b"]) != mark_of(["ab"])
    assert (
        len({mark_of([value]) for value in (Decimal("5.00"), Decimal(5))}) == len({mark_of([5]), mark_of([5.0])}) == 1
    )
    assert mark_of([Decimal("-0.00")]) == mark_of([Decimal(0)])
    assert mark_of([Decimal("1E+2")]) == mark_of([Decimal(100)])
