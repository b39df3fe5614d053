"""The limits of a task: how they are set, and which of them ended it.

Memory and processes of the whole tree are limited by its cgroup where there is one. Everything else, and these two
where there is none, are limits of each single process (setrlimit), set by prlimit(1) before the task's first step.
"""

import os
import resource
import signal
from collections.abc import Mapping

from worker.runner.refusals import SpawnError

Limits = Mapping[str, int]

#: Bytes of the end of stderr in which a program may have said that it came up against a limit.
TAIL = 4096
#: Limits that a cgroup sets, where there is one.
SHARED = ("memory", "processes")
# Of memory what a program may write to: the whole address space (RLIMIT_AS) is far larger in Go, Java and JavaScript.
_RESOURCES = {
    "memory": ("data", resource.RLIMIT_DATA),
    "cpu": ("cpu", resource.RLIMIT_CPU),
    "files": ("nofile", resource.RLIMIT_NOFILE),
    "processes": ("nproc", resource.RLIMIT_NPROC),
}
#: What programs say of it, by limit.
_SAID = {
    "memory": (b"MemoryError", b"Cannot allocate memory", b"bad_alloc", b"ut of memory"),
    "processes": (b"Cannot fork", b"Resource temporarily unavailable", b"can't start new thread"),
    "files": (b"Too many open files",),
}


def check(limits: Limits, uid: int, *, grouped: bool) -> None:
    """Raises SpawnError for limits that would not hold: better not started than started without."""
    if limits.get("nice", 0) < os.getpriority(os.PRIO_PROCESS, 0) and os.geteuid() != 0:
        raise SpawnError(f"a nice value of {limits['nice']} needs a worker that is root; this one is not")
    if "processes" in limits and uid == 0 and not grouped:
        raise SpawnError("a limit of processes does not hold for root where no cgroup is delegated: name a user")


def options(limits: Limits, *, grouped: bool) -> list[str]:
    """The options of prlimit(1)."""
    own = [name for name in _RESOURCES if name in limits and not (grouped and name in SHARED)]
    return [f"--{_RESOURCES[name][0]}={_bounds(name, limits[name])}" for name in own]


def _bounds(name: str, value: int) -> str:
    """Soft and hard limit, not above the hard limit of this process. CPU: SIGXCPU, and SIGKILL a second later."""
    most = resource.getrlimit(_RESOURCES[name][1])[1]
    hard = value + 1 if name == "cpu" else value
    if most != resource.RLIM_INFINITY:
        value, hard = min(value, most), min(hard, most)
    return f"{value}:{hard}"


def verdict(
    limits: Limits,
    exit_code: int | None,
    number: int | None,
    cpu_seconds: float,
    stderr: bytes,
    struck: frozenset[str],
) -> str | None:
    """Which limit ended a task, as far as it can be known; None when none did.

    `number` is the signal that ended it, `stderr` the end of what it said; `struck` are those its cgroup saw struck.
    """
    if exit_code == 0:
        return None
    if "memory" in struck:
        return f"ended by its memory limit of {size(limits['memory'])}"
    signals = {number, None if exit_code is None else exit_code - 128}
    over = signal.SIGKILL in signals and cpu_seconds >= limits.get("cpu", float("inf"))
    if "cpu" in limits and (signal.SIGXCPU in signals or over):
        return f"ended by its CPU limit of {limits['cpu']} s"
    end = f"exit code {exit_code}" if exit_code is not None else f"ended by signal {number}"
    for name, words in _SAID.items():
        if name in limits and (name in struck or any(word in stderr for word in words)):
            return f"{end}, most likely because of its {_named(name, limits[name])}"
    return None


def size(value: int) -> str:
    """Bytes in decimal units, as the pages show them."""
    amount, unit = float(value), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.3g} {unit}"


def _named(name: str, value: int) -> str:
    match name:
        case "memory":
            return f"memory limit of {size(value)}"
        case "processes":
            return f"limit of {value} processes"
    return f"limit of {value} open files"
