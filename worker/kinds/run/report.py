"""What a process says of itself while it runs and at its end, for the execution's page and the API.

    report.progress(30_000, 1_000_000, text="sheet 1")    # as often as you like: it is written a few times a second
    report.warn("3 cells were cut at 32,767 characters")
    report.result(rows=1_000_000, file="orders.xlsx")     # merged with what was said before

The file is replaced as a whole: whoever reads it never sees half of it. The worker looks at it about once a second
(`worker.reports`); `common.domain.reports` says what may be in it, and what is left out of what is too large.
"""

import json
import os
import time
from typing import Any

from common.domain.reports import MOST_WARNINGS

_EVERY = 0.3  # seconds


class Report:
    """The report of this process; kept nowhere without a `path`."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._progress: dict[str, Any] | None = None
        self._result: dict[str, Any] = {}
        self._warnings: list[str] = []
        self._written = 0.0
        self._due = False

    def progress(self, done: float, total: float | None = None, *, unit: str = "rows", text: str = "") -> None:
        """Say how far it is: `done` of `total` units (None: nobody knows how many), and in words where it is."""
        at = time.time()
        self._progress = {"done": done, "total": total, "unit": unit, "text": text, "at": at}
        self._due = True
        if time.monotonic() - self._written >= _EVERY:
            self.flush()

    def result(self, **values: Any) -> None:
        """Say what came of it; values that JSON does not know become text."""
        self._result |= values
        self.flush()

    def warn(self, text: str) -> None:
        """Say what somebody should look at although it went well; the same text counts once."""
        if text not in self._warnings and len(self._warnings) < MOST_WARNINGS:
            self._warnings.append(text)
            self._due = True

    def close(self) -> None:
        """Write what waits."""
        if self._due:
            self.flush()

    def flush(self) -> None:
        """Write it now."""
        self._written, self._due = time.monotonic(), False
        if self._path is None:
            return
        body = {"progress": self._progress, "result": self._result, "warnings": self._warnings}
        new = f"{self._path}.new"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(body, file, ensure_ascii=False, default=str)
        os.replace(new, self._path)
