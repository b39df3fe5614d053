"""What reading a spreadsheet and reading a text file have in common."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Protocol, TypeAlias

#: What a cell holds; None for none, which is not the same as an empty text.
Cell: TypeAlias = bool | int | float | str | datetime | date | time | None
#: The number of a row as people count it, and its cells up to the last one that is not empty.
Row: TypeAlias = tuple[int, Sequence[Cell]]


class Unreadable(Exception):
    """The file cannot be read; the text says why, for people."""


class Book(Protocol):
    """A file with one table or several."""

    @property
    def sheets(self) -> Sequence[str]:
        """Their names."""

    def rows(self, sheet: str | None = None) -> Iterator[Row]:
        """The rows of one of them, the first by default, as they come from the file; raises Unreadable."""

    def close(self) -> None:
        """Let go of the file."""
