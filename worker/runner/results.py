"""The shape of a result message."""

import os
import resource
from typing import Any

from worker.runner.output import Capture, text
from worker.runner.protocol import Key, Message


def empty(key: Key, outcome: str, error: str | None = None) -> Message:
    """Returns a result with every field there is, for an attempt of which nothing else is known."""
    message: Message = {"id": key[0], "token": key[1], "outcome": outcome, "error": error}
    message |= dict.fromkeys(("exit_code", "signal", "pid", "started_at", "finished_at", "duration"))
    message |= dict.fromkeys(("cpu_seconds", "peak_memory", "proof"))
    for name in ("stdout", "stderr"):
        message |= {name: "", f"{name}_bytes": 0, f"{name}_cut": None}
    return message


def of_stream(name: str, capture: Capture) -> dict[str, Any]:
    """Returns the fields of one stream ("stdout" or "stderr")."""
    return {name: text(capture.kept()), f"{name}_bytes": capture.total, f"{name}_cut": capture.cut()}


def of_exit(status: int, usage: resource.struct_rusage) -> dict[str, Any]:
    """Returns the fields that come from wait4: how the leader ended, CPU seconds, peak memory in bytes.

    The kernel counts the memory of the moment between fork and exec too, so a small task shows the runner's own size.
    """
    code = os.waitstatus_to_exitcode(status)
    return {
        "exit_code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 6),
        "peak_memory": usage.ru_maxrss * 1024,
    }
