"""A mark that every process of a task is born with and does not lose with its environment, its session, its parents.

It is the soft limit of real-time CPU (RLIMIT_RTTIME), which the kernel hands down through fork and exec and shows to
everybody. As a limit it means nothing: 2**62 microseconds are 146,000 years, of real-time scheduling only.
"""

import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from worker.runner.protocol import Key

_LEAST = 1 << 62
_LINE = b"Max realtime timeout"


def of(name: str, key: Key) -> int:
    """Returns the mark of a task of the runner of this name; no two share one."""
    digest = hashlib.blake2b(f"{name}:{key[0]}:{key[1]}".encode(), digest_size=8).digest()
    return _LEAST | int.from_bytes(digest, "big") >> 2


@contextmanager
def worn(mark: int) -> Iterator[None]:
    """What is started meanwhile is born with it. Where this process is kept to less, nothing is."""
    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_RTTIME, (mark, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, before)


def read(pid: int) -> int | None:
    """Returns the mark of a process, None when it has none."""
    with suppress(OSError, ValueError, IndexError):
        fd = os.open(f"/proc/{pid}/limits", os.O_RDONLY)
        try:
            said = os.read(fd, 8192)
        finally:
            os.close(fd)
        soft = int(said.split(_LINE, 1)[1].split(None, 1)[0])
        return soft if soft >= _LEAST else None
    return None
