"""Names of days, months and units in English and Chinese, and how lists and runs of numbers are written."""

from collections.abc import Callable, Sequence
from typing import Literal

Lang = Literal["en", "zh"]

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# Cron's order, 0 = Sunday.
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WEEKDAYS_ZH = ("周日", "周一", "周二", "周三", "周四", "周五", "周六")


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def listed(words: Sequence[str], last: str = " and ") -> str:
    """Return "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + last + words[-1]


def runs(values: Sequence[int], word: Callable[[int], str] = str, to: str = " to ") -> list[str]:
    """Write three or more consecutive values as "2 to 5", the others one by one."""
    groups: list[list[int]] = []
    for value in values:
        if groups and value == groups[-1][-1] + 1:
            groups[-1].append(value)
        else:
            groups.append([value])
    words: list[str] = []
    for group in groups:
        short = len(group) < 3
        words += [word(value) for value in group] if short else [word(group[0]) + to + word(group[-1])]
    return words
