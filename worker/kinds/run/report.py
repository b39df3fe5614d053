"""What a process says of itself while it runs and at its end, for the execution's page and the API.

    report.progress(30_000, 1_000_000, text="sheet 1")    # as often as you like: it is written a few times a second
    report.warn("3 cells were cut at 32,767 characters")
    report.result(rows=1_000_000, file="orders.xlsx")     # merged with what was said before

The file is replaced as a whole: whoever reads it never sees half of it. The worker looks at it about once a second
(`worker.reports`); `common.domain.reports` says what may be in it, and what is left out of what is too large.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.domain.reports import MOST_WARNINGS
from worker.runner.masking import Masker, needles

_EVERY = 0.3  # seconds


class Report:
    """The report of this process; kept nowhere without a `path`. It shows `***` where one of the `secrets` would stand:
    an answer or a row may hold what the call was made with."""

    def __init__(self, path: str | None, secrets: Iterable[str] = ()) -> None:
        self._path = path
        self._needles = needles(secrets)
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
        new = Path(f"{self._path}.new")
        new.write_text(json.dumps(self._masked(body), ensure_ascii=False, default=str), "utf-8", "surrogateescape")
        new.replace(self._path)

    def _masked(self, value: Any) -> Any:
        """The same without secrets; numbers stay, a secret of digits would be found in any of them."""
        if not any(self._needles) or value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {self._masked(str(key)): self._masked(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(each) for each in value]
        masker = Masker(*self._needles)
        shown = masker.feed(str(value).encode("utf-8", "surrogateescape")) + masker.close()
        return shown.decode("utf-8", "surrogateescape")
