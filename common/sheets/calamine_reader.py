"""Reads .xls, .xlsb and .ods, by calamine: all of a sheet is in memory, so only files of a moderate size."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import python_calamine

from common.sheets.reading import Row, Unreadable

#: Bytes; such a file needs about ten times as much memory.
LARGEST = 50_000_000


class CalamineBook:
    """An open workbook; raises Unreadable for what is none."""

    def __init__(self, path: Path) -> None:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"a file of this kind may have {LARGEST:,} bytes at most: save it as .xlsx")
        try:
            self._book = python_calamine.CalamineWorkbook.from_path(str(path))
        except (python_calamine.CalamineError, OSError) as error:
            raise Unreadable(f"this is no spreadsheet: {error}") from None

    @property
    def sheets(self) -> Sequence[str]:
        return list(self._book.sheet_names)

    def close(self) -> None:
        self._book.close()

    def rows(self, sheet: str | None = None) -> Iterator[Row]:
        if sheet is not None and sheet not in self.sheets:
            raise Unreadable(f"there is no sheet {sheet} (there are: {', '.join(self.sheets)})")
        try:
            name = sheet if sheet is not None else self.sheets[0]
            found = self._book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        except python_calamine.CalamineError as error:
            raise Unreadable(f"the file is damaged: {error}") from None
        for number, row in enumerate(found, start=1):
            cells = [str(cell) if isinstance(cell, timedelta) else cell if cell != "" else None for cell in row]
            while cells and cells[-1] is None:
                cells.pop()
            yield number, cells
