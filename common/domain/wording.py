"""Names of days, months and units in English and Chinese, and how lists are joined."""

from collections.abc import Sequence
from typing import Literal

Lang = Literal["en", "zh"]

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# Cron's order, 0 = Sunday.
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WEEKDAYS_ZH = ("日", "一", "二", "三", "四", "五", "六")


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def listed(words: Sequence[str], word: str = "and") -> str:
    """Join as "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {word} {words[-1]}"


def is_run(values: Sequence[int], at_least: int = 3) -> bool:
    """Whether the sorted values are consecutive and there are enough of them to say "a to b"."""
    return len(values) >= at_least and values[-1] - values[0] == len(values) - 1
