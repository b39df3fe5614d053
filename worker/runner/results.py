"""The shape of a result message."""

import os
import resource
from typing import Any

from worker.runner.cgroup import Usage
from worker.runner.output import Capture, text
from worker.runner.protocol import Key, Message

INEXACT = 1 << 20  # bytes by which two counts of the same memory may differ


def empty(key: Key, outcome: str, error: str | None = None) -> Message:
    """Returns a result with every field there is, for an attempt of which nothing else is known."""
    message: Message = {"id": key[0], "token": key[1], "outcome": outcome, "error": error}
    message |= dict.fromkeys(("exit_code", "signal", "pid", "started_at", "finished_at", "duration"))
    message |= dict.fromkeys(("cpu_seconds", "peak_memory", "proof"))
    message["timing"] = []
    for name in ("stdout", "stderr"):
        message |= {name: "", f"{name}_bytes": 0, f"{name}_cut": None}
    return message


def of_stream(name: str, capture: Capture) -> dict[str, Any]:
    """Returns the fields of one stream ("stdout" or "stderr")."""
    return {name: text(capture.kept()), f"{name}_bytes": capture.total, f"{name}_cut": capture.cut()}


def of_exit(status: int, usage: resource.struct_rusage, *, floor: int, seen: int | None) -> dict[str, Any]:
    """Returns the fields that come from wait4: how the leader ended, CPU seconds, peak memory in bytes.

    The kernel counts the moment between fork and exec too, in which a task is as large as this process, at most
    `floor` bytes. Of a smaller task it is known what was `seen` while it ran; of one that ran too short, nothing.
    """
    code = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * 1024
    return {
        "exit_code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 6),
        "peak_memory": peak if peak > floor + INEXACT else seen,
    }


def of_group(usage: Usage) -> dict[str, Any]:
    """Returns the fields that the cgroup knows better: what the whole tree has used."""
    found = {"peak_memory": usage.peak_memory, "cpu_seconds": usage.cpu_seconds}
    return {name: value for name, value in found.items() if value is not None}
