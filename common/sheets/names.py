"""Names of worksheets, and how wide text is in them."""

import re
import unicodedata
from collections.abc import Collection

MAX_SHEET_NAME = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_RESERVED = {"history"}


def sheet_name(wanted: str, taken: Collection[str], number: int = 1) -> str:
    """A name that Excel takes and no other sheet has; `number` above 1 is that of a continuation: `数据_2`."""
    base = _FORBIDDEN.sub("_", wanted).strip(" '") or "Sheet"
    used = {name.casefold() for name in taken} | _RESERVED
    suffix = f"_{number}" if number > 1 else ""
    count = max(number, 1)
    while (name := _cut(base, MAX_SHEET_NAME - len(suffix)) + suffix).casefold() in used:
        count += 1
        suffix = f"_{count}"
    return name


def _cut(text: str, units: int) -> str:
    """The text in so many UTF-16 units, as Excel counts them."""
    return text.encode("utf-16-le")[: units * 2].decode("utf-16-le", "ignore").rstrip(" '")


def width(text: str) -> int:
    """How many columns of a monospaced font the longest line takes; Chinese characters take two."""
    if text.isascii() and "\n" not in text:
        return len(text)
    return max((_line(line) for line in text.split("\n")), default=0)


def _line(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
