"""What the program was given: facts of its execution, and the data sources of its task."""

from __future__ import annotations

import json
import os
from typing import Any


class RotaError(Exception):
    """Something that this module was asked for cannot be had; the text says why."""


_known: dict[str, Any] = {}


def data_sources() -> dict[str, dict[str, Any]]:
    """The data sources of the task by name, passwords included."""
    if "sources" not in _known:
        _known["sources"] = {each["name"]: each for each in _read()}
    found: dict[str, dict[str, Any]] = _known["sources"]
    return found


def _read() -> list[dict[str, Any]]:
    """What Rota left in the memory of this process; nothing where it was not Rota that started it."""
    try:
        fd = int(os.environ.get("ROTA_JOB", ""))
        name = os.readlink(f"/proc/self/fd/{fd}")
    except (ValueError, OSError):
        return []
    if not name.startswith("/memfd:rota-job"):
        return []
    os.set_inheritable(fd, False)
    parts, offset = [], 0
    while True:
        part = os.pread(fd, 1 << 16, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
    found: list[dict[str, Any]] = json.loads(b"".join(parts))["data_sources"]
    return found


class Execution:
    """Facts of this execution; empty where it was not Rota that started the program."""

    @property
    def id(self) -> int:
        return int(os.environ.get("ROTA_EXECUTION_ID", "0"))

    @property
    def task_id(self) -> int:
        return int(os.environ.get("ROTA_TASK_ID", "0"))

    @property
    def task_name(self) -> str:
        return os.environ.get("ROTA_TASK_NAME", "")

    @property
    def attempt(self) -> int:
        return int(os.environ.get("ROTA_ATTEMPT", "0"))

    @property
    def trigger(self) -> str:
        return os.environ.get("ROTA_TRIGGER", "")

    @property
    def scheduled_for(self) -> str:
        """When it should have started, ISO 8601."""
        return os.environ.get("ROTA_SCHEDULED_FOR", "")
