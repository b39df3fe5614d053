"""Values as drivers of databases give them, and what has to stand in the cell."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

CHINA = timezone(timedelta(hours=8))


class Mood(Enum):
    """A type of a database's own."""

    GOOD = "好"


class Money(Decimal):
    """A driver's own number."""


class Stamp(datetime):
    """A driver's own instant."""


UNIQUE = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")

#: what -> (the value, what must be read; by calamine every number is a float)
CELLS: dict[str, tuple[Any, Any]] = {
    "nothing": (None, None),
    "zero": (0, 0),
    "negative": (-42, -42),
    "largest whole number that is shown in full": (999_999_999_999_999, 999_999_999_999_999),
    "16 digits": (1_234_567_890_123_456, "1234567890123456"),
    "beyond a float": (9_007_199_254_740_993, "9007199254740993"),
    "largest of 64 bits": (2**63 - 1, "9223372036854775807"),
    "smallest of 64 bits": (-(2**63), "-9223372036854775808"),
    "unsigned 64 bits": (2**64 - 1, "18446744073709551615"),
    "true": (True, True),
    "false": (False, False),
    "float": (0.1 + 0.2, 0.1 + 0.2),
    "tiny": (5e-324, 5e-324),
    "huge": (1.7976931348623157e308, 1.7976931348623157e308),
    "not a number": (float("nan"), None),
    "infinite": (float("-inf"), None),
    "price": (Decimal("1234567.80"), 1234567.8),
    "decimal zero": (Decimal("0.00"), 0),
    "decimal of 15 digits": (Decimal("123456789012.345"), 123456789012.345),
    "decimal of 16 digits": (Decimal("1234567890123.456"), "1234567890123.456"),
    "decimal with zeros behind": (Decimal("1.5000000000000000000"), 1.5),
    "decimal of 38 digits": (
        Decimal("12345678901234567890123456789012345.678"),
        "12345678901234567890123456789012345.678",
    ),
    "decimal not a number": (Decimal("NaN"), None),
    "decimal with an exponent": (Decimal("1.2E+5"), 120000),
    "money": (Money("9.99"), 9.99),
    "moment": (datetime(2026, 2, 28, 13, 14, 15), datetime(2026, 2, 28, 13, 14, 15)),  # noqa: DTZ001
    "milliseconds": (datetime(2026, 2, 28, 13, 14, 15, 250_000), datetime(2026, 2, 28, 13, 14, 15, 250_000)),  # noqa: DTZ001
    "with a zone": (datetime(2026, 2, 28, 20, 0, tzinfo=UTC), datetime(2026, 3, 1, 4, 0)),  # noqa: DTZ001
    "driver's instant": (Stamp(2026, 2, 28, 20, 0, tzinfo=UTC), datetime(2026, 3, 1, 4, 0)),  # noqa: DTZ001
    "before Excel's time": (datetime(1899, 12, 31, 1, 2, 3), "1899-12-31 01:02:03"),  # noqa: DTZ001
    "day": (date(2024, 2, 29), date(2024, 2, 29)),
    "first day": (date(1900, 3, 1), date(1900, 3, 1)),
    "a day that Excel counts wrongly": (date(1900, 2, 28), "1900-02-28"),
    "last day": (date(9999, 12, 31), date(9999, 12, 31)),
    "clock": (time(23, 59, 58), time(23, 59, 58)),
    "clock with a zone": (time(1, 2, 3, tzinfo=CHINA), time(1, 2, 3)),
    "duration": (timedelta(hours=30, minutes=15), timedelta(hours=30, minutes=15)),
    "negative duration": (timedelta(hours=-1), "-1:00:00"),
    "chinese": ("张伟", "张伟"),
    "emoji": ("👩‍👩‍👧 ok 𠮷", "👩‍👩‍👧 ok 𠮷"),
    "markup": ("<b>&amp;</b> \"quoted\" 'x' ]]>", "<b>&amp;</b> \"quoted\" 'x' ]]>"),
    "spaces around": ("  x  ", "  x  "),
    "lines": ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
    "control characters": ("a\x00b\x07c\x1f\x0bd", "abcd"),
    "half a character": ("a\ud83db", "ab"),
    "what no XML holds": ("a\ufffe\uffffb", "ab"),
    "empty text": ("", ""),
    "looks like an escape": ("_x0041_ and _x000D_", "_x0041_ and _x000D_"),
    "formula": ("=1+1", "=1+1"),
    "formula with a plus": ("+1+1", "+1+1"),
    "formula with a minus": ("-2+3", "-2+3"),
    "formula with an at": ("@SUM(A1:A9)", "@SUM(A1:A9)"),
    "command": ('=cmd|"/c calc"!A1', '=cmd|"/c calc"!A1'),
    "link": ("https://example.com/?a=1&b=2", "https://example.com/?a=1&b=2"),
    "number as text": ("007", "007"),
    "error as text": ("#N/A", "#N/A"),
    "longest": ("长" * 32_767, "长" * 32_767),
    "too long": ("x" * 32_768, "x" * 32_766 + "…"),
    "too long in UTF-16": ("😀" * 20_000, "😀" * 16_383 + "…"),
    "bytes": (b"\x00\xff\x10", "00ff10"),
    "memory": (memoryview(b"\x01\x02"), "0102"),
    "list": ([1, "二", None], '[1, "二", null]'),
    "object": ({"键": Decimal("1.5")}, '{"键": "1.5"}'),
    "uuid": (UNIQUE, str(UNIQUE)),
    "enum": (Mood.GOOD, "好"),
    "something else": (range(3), "range(0, 3)"),
}
