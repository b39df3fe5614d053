"""What a value of a database becomes in a cell, so that a spreadsheet shows what the database holds.

A spreadsheet knows numbers of 15 digits, dates from March 1900, times without a zone, and text of 32,767 characters.
What does not fit becomes text that says it exactly, never a number that is nearly right.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias
from uuid import UUID

#: What is left when the rules have been applied; every datetime and time without a zone.
Plain: TypeAlias = bool | int | float | Decimal | str | datetime | date | time | timedelta | None

#: Longest text of a cell, in UTF-16 units as Excel counts them.
MAX_TEXT = 32_767
#: Whole numbers from here on have 16 digits, of which Excel shows 15.
_TOO_LONG = 10**15
_DIGITS = 15
#: Exponents that a float of 64 bits can hold with all its digits.
_LARGEST, _SMALLEST = 300, -290
#: Excel takes 1900 for a leap year: only from March on its days are everybody's.
_FIRST_DAY = date(1900, 3, 1)
#: No cell and no XML may hold these. A line break is one character; a tab may stay.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile("\r\n?")


@dataclass
class Notes:
    """What had to be changed on the way into cells, to be told to whoever gets the file."""

    cut: int = 0
    stripped: int = 0


@dataclass
class Rules:
    """The rules with their options: `zone` is the one in which instants are shown, `decimals` whether exact numbers
    are numbers or text. `notes` counts what was lost."""

    zone: tzinfo = UTC
    decimals: Literal["number", "text"] = "number"
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        self._by_type: Mapping[type, Callable[[Any], Plain]] = {
            type(None): _same,
            bool: _same,
            str: self._text,
            int: _integer,
            float: _float,
            Decimal: self._decimal,
            datetime: self._datetime,
            date: _date,
            time: lambda value: value.replace(tzinfo=None),
            timedelta: _duration,
        }

    def plain(self, value: object) -> Plain:
        """The value as a cell can hold it; None is an empty cell."""
        rule = self._by_type.get(type(value))
        return rule(value) if rule is not None else self._other(value)

    def _other(self, value: object) -> Plain:
        match value:
            case Enum():
                return self.plain(value.value)
            case bytes() | bytearray() | memoryview():
                return self._text(bytes(value).hex())
            case list() | tuple() | dict() | set() | frozenset():
                return self._text(as_json(value))
            case UUID():
                return str(value)
        return self.plain(_base(value))

    def _text(self, value: str) -> str:
        if not value.isprintable():
            value = self._without_controls(value)
        if len(value) * 2 > MAX_TEXT:
            value = self._fitting(value)
        return value

    def _without_controls(self, value: str) -> str:
        value = _BREAKS.sub("\n", value)
        clean = _FORBIDDEN.sub("", value)
        self.notes.stripped += clean != value
        return clean

    def _fitting(self, value: str) -> str:
        units = value.encode("utf-16-le")
        if len(units) <= MAX_TEXT * 2:
            return value
        self.notes.cut += 1
        return units[: (MAX_TEXT - 1) * 2].decode("utf-16-le", "ignore") + "…"

    def _decimal(self, value: Decimal) -> Plain:
        if not value.is_finite():
            return None
        if self.decimals == "text" or not _fits(value):
            return exact(value)
        return value

    def _datetime(self, value: datetime) -> Plain:
        if value.tzinfo is not None:
            value = value.astimezone(self.zone).replace(tzinfo=None)
        return value if value.date() >= _FIRST_DAY else value.isoformat(" ")


def exact(value: Decimal) -> str:
    """All digits of a finite number, without an exponent where that is not absurd."""
    return format(value, "f") if abs(value.adjusted()) < 100 else str(value)


def as_json(value: object) -> str:
    """A list, set or object as JSON; what JSON does not know is written as text."""
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    return json.dumps(value, ensure_ascii=False, default=str)


def _base(value: object) -> object:
    """A value of a driver's own type as one of the type it derives from; anything else as text."""
    match value:
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case Decimal():
            return Decimal(value)
        case datetime():
            return datetime.combine(date(value.year, value.month, value.day), value.time(), value.tzinfo)
        case date():
            return date(value.year, value.month, value.day)
        case time():
            return time(value.hour, value.minute, value.second, value.microsecond)
        case timedelta():
            return timedelta(value.days, value.seconds, value.microseconds)
        case str():
            return str.__str__(value)
        case _:
            return str.__str__(str(value))


def _same(value: Any) -> Any:
    return value


def _integer(value: int) -> Plain:
    return value if -_TOO_LONG < value < _TOO_LONG else str(value)


def _float(value: float) -> Plain:
    return value if math.isfinite(value) else None


def _fits(value: Decimal) -> bool:
    """Whether a float shows all of its digits."""
    digits = value.as_tuple().digits
    if len(digits) > _DIGITS:
        digits = value.normalize().as_tuple().digits
    return len(digits) <= _DIGITS and _SMALLEST < value.adjusted() < _LARGEST


def _date(value: date) -> Plain:
    return value if value >= _FIRST_DAY else value.isoformat()


def _duration(value: timedelta) -> Plain:
    """A spreadsheet has no time before zero."""
    return value if value >= timedelta(0) else f"-{-value}"
