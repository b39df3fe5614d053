"""What every writer of rows can do."""

from collections.abc import Iterable, Sequence
from typing import Protocol

Row = Sequence[object]


class SheetError(Exception):
    """These rows cannot be written to this kind of file; the text says why, and what helps."""


class Writer(Protocol):
    """Writes tables of rows into one file, piece by piece in constant memory."""

    def table(self, name: str, columns: Sequence[str]) -> None:
        """Begin a table with these columns; csv and parquet take one, xlsx any number. Raises SheetError."""

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows to the table that was begun last. Raises SheetError."""

    def size(self) -> int:
        """About how many bytes the file has so far."""
        ...

    def close(self) -> None:
        """Finish the file: until then it is none."""

    def abandon(self) -> None:
        """Let go of the file as it is; it is to be deleted."""


def unique(names: Sequence[str]) -> list[str]:
    """The names of columns, each of them once and none empty: a second `id` becomes `id_2`."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        base = name or f"column_{number}"
        candidate, count = base, 1
        while candidate in found:
            count += 1
            candidate = f"{base}_{count}"
        found.append(candidate)
    return found
