"""A cgroup (v2) for each task that limits its memory or processes, where a subtree is delegated to us.

Delegated: systemd says so with an attribute (Delegate=yes), or it is the root of our own namespace (a container).
Nothing is made anywhere else, however much root may: systemd owns the rest of the tree.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from worker.runner import log
from worker.runner.limits import SHARED, Limits
from worker.runner.protocol import Key

_NEEDED = {"memory", "pids"}
_LEAF = "rota"


class Usage(NamedTuple):
    """What the whole tree has used: peak memory in bytes, CPU in seconds, and the limits it came up against."""

    peak_memory: int | None
    cpu_seconds: float | None
    struck: frozenset[str]


class Group:
    """The cgroup of one task."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entrance(self) -> int:
        """A descriptor to which a process writes "0" to enter. Opened here: the task's own user may not open it."""
        return os.open(self.path / "cgroup.procs", os.O_WRONLY)

    def usage(self) -> Usage:
        """What can be read of it."""
        cpu = _counters(self.path / "cpu.stat").get("usage_usec")
        peak = _number(self.path / "memory.peak")
        memory = _counters(self.path / "memory.events").get("oom_kill", 0)
        processes = _counters(self.path / "pids.events").get("max", 0)
        struck = frozenset(name for name, times in zip(SHARED, (memory, processes), strict=True) if times)
        return Usage(peak, None if cpu is None else cpu / 1e6, struck)

    def kill(self) -> None:
        """Kills all of it at once; for kernels older than 5.14 that is left to the signals."""
        with suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")

    def remove(self) -> bool:
        """Takes it away; returns whether it is gone."""
        with suppress(FileNotFoundError):
            try:
                self.path.rmdir()
            except OSError:
                return False
        return True


class Cgroups:
    """Makes them below `base`; None = none are delegated, and `make` must not be called."""

    def __init__(self, name: str, base: Path | None) -> None:
        self._prefix = f"rota-{name}-"
        self._base = base
        self._stale: list[Group] = []
        for path in sorted(base.glob(f"{self._prefix}*")) if base is not None else []:
            self._stale.append(Group(path))
            self._stale[-1].kill()

    @property
    def delegated(self) -> bool:
        """Whether cgroups can be made."""
        return self._base is not None

    def make(self, key: Key, limits: Limits) -> Group:
        """Makes the cgroup of a task with its limits; raises OSError."""
        assert self._base is not None
        self._stale = [group for group in self._stale if not group.remove()]
        path = self._base / f"{self._prefix}{key[0]}-{key[1]}"
        path.mkdir(exist_ok=True)
        if "memory" in limits:
            (path / "memory.max").write_text(str(limits["memory"]))
            with suppress(OSError):  # a kernel that does not count swap
                (path / "memory.swap.max").write_text("0")
            (path / "memory.oom.group").write_text("1")
        if "processes" in limits:
            (path / "pids.max").write_text(str(limits["processes"]))
        return Group(path)

    def drop(self, group: Group) -> None:
        """Takes a cgroup away, later if the kernel still has something in it."""
        if not group.remove():
            self._stale.append(group)


def find(wanted: str) -> Path | None:
    """Where cgroups may be made: `wanted` is "auto", "off" or the folder itself. None = nowhere."""
    if wanted == "off":
        return None
    if wanted != "auto":
        return Path(wanted)
    with suppress(OSError, ValueError, StopIteration):
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        mount = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = mount / next(line for line in lines if line.startswith("0::"))[4:]
        for place in (own, own.parent):
            if place.is_relative_to(mount) and _is_delegated(place, mount) and _enable(place):
                return place
    return None


def _is_delegated(place: Path, mount: Path) -> bool:
    if not os.access(place / "cgroup.subtree_control", os.W_OK):
        return False
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            if os.getxattr(place, name) == b"1":
                return True
    return place == mount


def _enable(place: Path) -> bool:
    """Has children of it count memory and processes. That needs a place without processes: ours move into a leaf."""
    if not set((place / "cgroup.controllers").read_text().split()) >= _NEEDED:
        return False
    control = place / "cgroup.subtree_control"
    if set(control.read_text().split()) >= _NEEDED:
        return True
    try:
        leaf = place / _LEAF
        leaf.mkdir(exist_ok=True)
        for pid in (place / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
        control.write_text(" ".join(f"+{name}" for name in sorted(_NEEDED)))
    except OSError as error:
        log.event("cgroup_refused", place=str(place), error=str(error))
        return False
    return True


def _counters(path: Path) -> dict[str, int]:
    with suppress(OSError, ValueError):
        pairs = (line.split() for line in path.read_text().splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    return {}


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None
