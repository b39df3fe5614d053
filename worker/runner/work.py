"""The private folder in which a task without a working directory runs; it goes when the task has ended."""

import os
import shutil
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from worker.runner import log
from worker.runner.account import Account
from worker.runner.protocol import Key

KEPT = 64  # empty folders kept for the next tasks of a user


class Work:
    """Folders of the runner of this name. They lie in the system's folder for temporary files: a task that runs as
    another user could not reach the runner's own. One that a task left empty serves the next task of the same user:
    making and removing it takes as long as starting a small program."""

    def __init__(self, name: str, own: Path) -> None:
        self._base = shared_folder(f"rota-{name}", own / "work")
        self._mark = f"{os.getpid()}-"  # those of a predecessor have another
        self._made = 0
        self._used: dict[Key, tuple[str, int]] = {}  # task -> folder and user
        self._free: dict[int, list[str]] = {}  # user -> folders
        self._broom: ThreadPoolExecutor | None = None

    def make(self, key: Key, account: Account | None) -> str:
        """Gives a task a folder (empty, 0700, its user's); raises OSError."""
        user = account.uid if account else os.geteuid()
        path = self._kept(user) or self._new(account)
        self._used[key] = (path, user)
        return path

    def clear(self, key: Key, *, again: bool = True) -> None:
        """Takes the folder of a task away, if it has one, or keeps it to be used `again`. In a thread, as much may be
        in it."""
        path, user = self._used.pop(key, ("", 0))
        free = self._free.setdefault(user, [])
        if path and again and len(free) < KEPT and _is_empty(path):
            free.append(path)
        elif path:
            self._sweep(path)

    def sweep(self) -> None:
        """Takes away what a predecessor left; to be called when nothing of it runs any more."""
        for name in os.listdir(self._base):
            if not name.startswith(self._mark):
                self._sweep(os.path.join(self._base, name))

    def close(self) -> None:
        """Waits for what is being removed, and takes everything away."""
        if self._broom is not None:
            self._broom.shutdown()
        for path in [path for paths in self._free.values() for path in paths] + [self._base]:
            with suppress(OSError):
                os.rmdir(path)

    def _kept(self, user: int) -> str | None:
        """A folder that is free and still as we made it."""
        free = self._free.get(user, [])
        while free:
            path = free.pop()
            with suppress(OSError):
                found = os.lstat(path)
                if found.st_uid == user and found.st_mode == stat.S_IFDIR | 0o700:
                    return path
            self._sweep(path)
        return None

    def _new(self, account: Account | None) -> str:
        self._made += 1
        path = os.path.join(self._base, f"{self._mark}{self._made}")
        os.mkdir(path, 0o700)
        if account is not None and account.is_other:
            os.chown(path, account.uid, account.gid)
        return path

    def _sweep(self, path: str) -> None:
        self._broom = self._broom or ThreadPoolExecutor(1)
        self._broom.submit(shutil.rmtree, path, ignore_errors=True)


def _is_empty(path: str) -> bool:
    with suppress(OSError), os.scandir(path) as entries:
        return next(entries, None) is None
    return False


def shared_folder(name: str, instead: Path) -> str:
    """A folder for temporary files that others may pass through and nobody else may write to. What somebody else put
    there is not used, but `instead`."""
    base = os.path.join(tempfile.gettempdir(), name)
    with suppress(FileExistsError):
        os.mkdir(base)
    found = os.lstat(base)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        log.event("work_folder_taken", path=base)
        base = str(instead)
        os.makedirs(base, exist_ok=True)
    os.chmod(base, 0o711)  # noqa: S103 (to pass through, not to look into)
    return base
