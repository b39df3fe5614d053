"""Reading what a task left in its folder. It belongs to the task's user, so nothing in it is what it seems: a link may
lead to what only this worker may read, and a name may stand for a device."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.domain import reports
from worker.runner.folders import REPORT

Fingerprint = tuple[int, int, int]


def open_file(folder: str, *parts: str) -> int:
    """A descriptor of a file in a task's folder, to read from; raises OSError for whatever is not a plain file of the
    folder's owner, below the folder, without links on the way."""
    here = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        owner = os.fstat(here).st_uid
        for part in parts[:-1]:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        # Without waiting: opening a pipe would, until somebody writes to it.
        found = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)
    about = os.fstat(found)
    if not stat.S_ISREG(about.st_mode) or about.st_uid != owner:
        os.close(found)
        raise OSError(f"{parts[-1]} is not a file of its own")
    return found


def fingerprint(folder: str) -> Fingerprint | None:
    """What changes with the report; None while there is none."""
    with suppress(OSError):
        found = os.lstat(Path(folder, REPORT))
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def read(folder: str) -> dict[str, Any] | None:
    """The report in a task's folder; None where there is none that can be read."""
    try:
        with open(open_file(folder, REPORT), "rb") as file:
            data = file.read(reports.MOST_READ + 1)
    except OSError:
        return None
    if len(data) > reports.MOST_READ:
        return {
            "progress": None,
            "result": {},
            "warnings": [f"The report was larger than {reports.MOST_READ:,} bytes."],
        }
    return reports.parsed(data)
