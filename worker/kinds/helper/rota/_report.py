"""What the program says of itself: how far it is, what came of it, and the files that are kept."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from ._job import RotaError

_EVERY = 0.3
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_state: dict[str, Any] = {"progress": None, "result": {}, "warnings": []}
_written = [0.0]


def progress(done: float, total: float | None = None, *, unit: str = "", text: str = "") -> None:
    """Say how far the program is: `done` of `total` units; the page shows a bar and how about how long still."""
    _state["progress"] = {"done": done, "total": total, "unit": unit, "text": text, "at": time.time()}
    if time.monotonic() - _written[0] >= _EVERY or (total is not None and done >= total):
        _flush()


def result(**values: Any) -> None:
    """Say what came of it, for the execution's page and the API: `rota.result(rows=1200, day="2026-11-27")`."""
    _state["result"].update(values)
    _flush()


def warn(text: str) -> None:
    """Say what somebody should look at although it went well."""
    if text not in _state["warnings"]:
        _state["warnings"].append(text)
        _flush()


def artifact(name: str) -> Path:
    """The path for a file called `name` that is kept when the program has ended: write to it."""
    if not name or name in (".", "..") or _UNSAFE.search(name):
        raise RotaError(f"{name!r} is not the name of a file")
    return files() / name


def files() -> Path:
    """The folder whose files are kept when the program has ended."""
    folder = os.environ.get("ROTA_ARTIFACTS")
    if not folder:
        raise RotaError("there is no folder for files: this program was not started by Rota")
    return Path(folder)


def _flush() -> None:
    path = os.environ.get("ROTA_REPORT")
    _written[0] = time.monotonic()
    if not path:
        return
    new = f"{path}.new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(_state, file, ensure_ascii=False, default=str)
    os.replace(new, path)
