"""What somebody typed into a cell, as the value that was meant: spaces, wide digits, dates and numbers as people write.

Nothing is guessed that could mean two things: 03/04/2026 is a date only where its format is given.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any

from common.sheets.reading import Cell

TEXT, INTEGER, DECIMAL, FLOAT = "text", "integer", "decimal", "float"
DATE, DATETIME, BOOLEAN, AUTO = "date", "datetime", "boolean", "auto"

#: Spaces that are none of ASCII's, and marks that nobody sees.
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " ") | dict.fromkeys(map(ord, "\u200b\ufeff"), "")
#: Digits, letters and marks of double width, as Chinese input methods write them.
_WIDE = {0xFF01 + n: 0x21 + n for n in range(94)}
#: In texts only letters and digits are made plain: a comma or a bracket of double width is how Chinese is written.
_WIDE_WORDS = {wide: plain for wide, plain in _WIDE.items() if chr(plain).isalnum()}
_CURRENCY = re.compile(r"^(?:[¥￥$€£]|RMB|CNY|USD|EUR)\s*|\s*(?:元|[¥￥$€£]|RMB|CNY|USD|EUR)$", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?")
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"(\d{1,2})(?::|时|点)(\d{1,2})(?:(?::|分)(\d{1,2})秒?(?:\.(\d{1,6}))?)?分?")
_TRUE = {"true", "yes", "y", "t", "1", "是", "真", "对", "有"}
_FALSE = {"false", "no", "n", "f", "0", "否", "假", "错", "无"}
#: Day 0 of a workbook's numbers.
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 (no zone in a cell)
_SHOWN = 80
#: Beyond that no database has numbers, and a whole one of so many digits would take for ever to write down.
_EXPONENT = 400


class BadCell(ValueError):
    """A cell that does not say what its column wants; the text says so, for people."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done to every text: spaces around it go, nothing in it is nothing, wide letters and digits are plain."""

    trim: bool = True
    empty_is_null: bool = True
    plain_width: bool = True

    def text(self, value: str) -> str | None:
        """The text, or None."""
        if self.plain_width:
            value = value.translate(_WIDE_WORDS)
        if self.trim:
            value = value.translate(_SPACES).strip()
        return None if self.empty_is_null and not value else value


def name_of(text: object) -> str:
    """A heading or the name of a column without what people write differently: case, spaces, dashes, width."""
    plain = unicodedata.normalize("NFKC", str(text)).casefold()
    return re.sub(r"[\s_\-.]+", "", plain)


def mark_of(values: Sequence[Any]) -> int:
    """A number of 96 bits for these values, the same for the same ones only (`hash` takes -1 for -2)."""
    return int.from_bytes(blake2b(repr([_same(value) for value in values]).encode(), digest_size=12).digest())


def _same(value: Any) -> Any:
    """What numbers that are equal have in common, however they are written: 5, 5.0 and 5.00."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return Decimal("0" if text == "-0" else text)
    return value


def converted(value: Cell, kind: str, form: str = "") -> Any:
    """A cell as a column of this kind takes it; `form` is how dates are written (strptime). Raises BadCell."""
    if value is None or kind == AUTO:
        return value
    return _KINDS[kind](value, form)


def _said(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _as_text(value: Cell, form: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime():
            return value.isoformat(" ")
    return value if isinstance(value, str) else str(value)


def _as_decimal(value: Cell, form: str) -> Decimal:
    if isinstance(value, bool | date | time):
        raise BadCell(f"{_said(value)} is no number")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise BadCell(f"{value} is no number")
        return Decimal(str(value))
    text = _CURRENCY.sub("", str(value).strip().translate(_WIDE)).strip()
    negative = text.startswith("(") and text.endswith(")")
    if negative:
        text = text[1:-1].strip()
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    if _GROUPED.fullmatch(text):
        text = re.sub("[,' ]", "", text)
    if not _PLAIN.fullmatch(text):
        raise BadCell(f"{_said(value)} is no number")
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise BadCell(f"{_said(value)} is no number") from None
    if found and abs(found.adjusted()) > _EXPONENT:
        raise BadCell(f"{_said(value)} is no number that a column holds")
    found = found / 100 if percent else found
    return -found if negative else found


def _as_integer(value: Cell, form: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, bool):
        return int(value)
    found = _as_decimal(value, form)
    if found != found.to_integral_value():
        raise BadCell(f"{_said(value)} is no whole number")
    return int(found)


def _as_float(value: Cell, form: str) -> float:
    return value if isinstance(value, float) else float(_as_decimal(value, form))


def _as_boolean(value: Cell, form: str) -> bool:
    if isinstance(value, bool):
        return value
    word = _as_text(value, form).strip().translate(_WIDE).casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadCell(f"{_said(value)} is neither yes nor no")


def _as_datetime(value: Cell, form: str) -> datetime:
    match value:
        case datetime():
            return value
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001
        case bool() | time():
            raise BadCell(f"{_said(value)} is no date")
        case int() | float():
            # A date whose cell has lost its format is the number of its day.
            if 61 <= value < 2_958_466 and not (isinstance(value, int) and value >= 19_000_101):
                return _EPOCH + timedelta(days=int(value), milliseconds=round((value - int(value)) * 86_400_000))
            value = str(value)
    text = str(value).strip().translate(_WIDE)
    if form:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007
        except ValueError:
            raise BadCell(f"{_said(value)} is no date as {form} has them") from None
    return _written(text, value)


def _written(text: str, value: object) -> datetime:
    """Year, month and day in this order, whatever stands between them; then perhaps a time."""
    found = _DAY.match(text) or _COMPACT.match(text)
    rest = text[found.end() :].strip().removeprefix("T").strip() if found else ""
    moment = _TIME.fullmatch(rest) if rest else None
    if not found or (rest and not moment):
        raise BadCell(f"{_said(value)} is no date such as 2026-03-29 (or give its format)")
    hour, minute, second, part = moment.groups() if moment else ("0", "0", "0", None)
    try:
        return datetime(  # noqa: DTZ001
            int(found[1]), int(found[2]), int(found[3]), int(hour), int(minute), int(second or 0),
            int((part or "0").ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        raise BadCell(f"{_said(value)} is no day of the calendar") from None


def _as_date(value: Cell, form: str) -> date:
    found = _as_datetime(value, form)
    if found.time() != time(0):
        raise BadCell(f"{_said(value)} has a time of the day, and the column takes days only")
    return found.date()


_KINDS: Mapping[str, Callable[[Cell, str], Any]] = {
    TEXT: _as_text,
    INTEGER: _as_integer,
    DECIMAL: _as_decimal,
    FLOAT: _as_float,
    BOOLEAN: _as_boolean,
    DATE: _as_date,
    DATETIME: _as_datetime,
}
