"""What /proc tells about processes, and signals that cannot hit the wrong one."""

import os
import signal
from contextlib import suppress
from typing import NamedTuple

from worker.runner.protocol import Key
from worker.runner.spawn import COOKIE

_COOKIE = COOKIE.encode() + b"="
_COMMAND_LENGTH = 8192


class Proc(NamedTuple):
    """A process that lives. `start` is in clock ticks since boot and, with the pid, names it for ever."""

    pid: int
    ppid: int
    group: int
    session: int
    start: int


def scan() -> dict[int, Proc]:
    """Returns every process of this machine by pid. The dead that are not yet buried (zombies) do not count."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (proc := look(int(name))):
            found[proc.pid] = proc
    return found


def look(pid: int) -> Proc | None:
    """Returns the process with this pid, or None when there is none alive."""
    try:
        stat = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name in brackets may itself hold brackets and blanks; after its last bracket all is regular.
    state, ppid, group, session, *rest = stat[stat.rfind(b")") + 2 :].split()
    if state in (b"Z", b"X", b"x"):
        return None
    return Proc(pid, int(ppid), int(group), int(session), int(rest[15]))


def cookie(pid: int, name: str) -> Key | None:
    """Returns which task of the runner of this name the process was started for, None when of no such."""
    with suppress(OSError, ValueError):
        for entry in _read(f"/proc/{pid}/environ").split(b"\0"):
            if entry.startswith(_COOKIE):
                runner, task, token = entry[len(_COOKIE) :].decode().rsplit(":", 2)
                return (int(task), int(token)) if runner == name else None
    return None


def command(pid: int) -> str:
    """Returns the start of its command line, for a reader."""
    with suppress(OSError):
        return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()[:_COMMAND_LENGTH]
    return ""


def peak_memory(pid: int | str = "self") -> int | None:
    """Returns the most bytes a process has held so far, None when it cannot be read."""
    with suppress(OSError, ValueError, IndexError):
        return int(_read(f"/proc/{pid}/status").split(b"VmHWM:", 1)[1].split(None, 1)[0]) * 1024
    return None


def children() -> set[int]:
    """Returns the pids of this process's children, those it adopted included.

    The kernel warns that this list may skip some when one is reaped meanwhile; ours are reaped by this very thread.
    """
    try:
        return {int(pid) for pid in _read("/proc/thread-self/children").split()}
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        own = os.getpid()
        return {proc.pid for proc in scan().values() if proc.ppid == own}


def descendants(pid: int) -> list[int]:
    """Returns this process and its descendants, as far as the kernel lists them (CONFIG_PROC_CHILDREN)."""
    found = [pid]
    for each in found:
        with suppress(OSError, ValueError):
            found.extend(int(child) for child in _read(f"/proc/{each}/task/{each}/children").split())
    return found


def send(proc: Proc, number: signal.Signals) -> bool:
    """Signals this very process, never another that got its pid meanwhile. Returns whether it was there."""
    try:
        handle = os.pidfd_open(proc.pid)
    except OSError:
        return False
    try:
        now = look(proc.pid)
        if now is None or now.start != proc.start:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _read(path: str) -> bytes:
    """Reads a file of /proc whole; plain descriptors, as a scan opens hundreds."""
    fd = os.open(path, os.O_RDONLY)
    try:
        data = chunk = os.read(fd, 65536)
        while chunk:
            chunk = os.read(fd, 65536)
            data += chunk
        return data
    finally:
        os.close(fd)
