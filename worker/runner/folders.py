"""Where a task leaves what must outlive it: its report, and files to be kept.

A folder an attempt, `<execution id>-<token>`, with `files/` for its user to write to and `report.json`, which it
replaces. It stays, through the death of task, worker and runner, until the worker has said that the database has the
result: by then it has taken over what is in it. Tasks that ask for none cost nothing.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from worker.runner.account import Account
from worker.runner.protocol import Key
from worker.runner.work import shared_folder

FILES, REPORT = "files", "report.json"
_NAME = re.compile(r"([0-9]+)-([0-9]+)")


def environment(folder: str) -> dict[str, str]:
    """What tells a task of its folder."""
    return {"ROTA_ARTIFACTS": os.path.join(folder, FILES), "ROTA_REPORT": os.path.join(folder, REPORT)}


class Folders:
    """Those of the runner of this name. They lie in its own directory, on a disk that keeps its files; those of tasks
    that run as another user, whom that directory keeps out, beside the working directories."""

    def __init__(self, name: str, own: Path) -> None:
        self._own = own / "kept"
        self._name = f"rota-{name}-kept"
        self._known: dict[Key, str] = {}
        self._broom: ThreadPoolExecutor | None = None
        for base in (str(self._own), os.path.join(tempfile.gettempdir(), self._name)):
            for path in _ours(base):
                self._note(path)

    def of(self, key: Key) -> str | None:
        """The folder of an attempt; None where it has none."""
        return self._known.get(key)

    def make(self, key: Key, account: Account | None) -> str:
        """Gives an attempt a folder (0700, its user's); raises OSError."""
        if (found := self._known.get(key)) is not None:
            return found
        path = os.path.join(self._base(account), f"{key[0]}-{key[1]}")
        for folder in (path, os.path.join(path, FILES)):
            os.mkdir(folder, 0o700)
            if account is not None and account.is_other:
                os.chown(folder, account.uid, account.gid)
        self._known[key] = path
        return path

    def drop(self, key: Key) -> None:
        """Takes the folder of an attempt away, if it has one."""
        path = self._known.pop(key, None)
        if path is not None:
            self._broom = self._broom or ThreadPoolExecutor(1)
            self._broom.submit(shutil.rmtree, path, ignore_errors=True)

    def sweep(self, keep: Collection[Key]) -> None:
        """Takes away what nobody will ask for any more."""
        for key in self._known.keys() - set(keep):
            self.drop(key)

    def close(self) -> None:
        """Waits for what is being removed."""
        if self._broom is not None:
            self._broom.shutdown()

    def _base(self, account: Account | None) -> str:
        if account is not None and account.is_other:
            return shared_folder(self._name, self._own)
        self._own.mkdir(mode=0o700, exist_ok=True)
        return str(self._own)

    def _note(self, path: str) -> None:
        if match := _NAME.fullmatch(os.path.basename(path)):
            self._known[int(match[1]), int(match[2])] = path


def _ours(base: str) -> list[str]:
    """What is in a folder, if it is ours; others may make one of this name among the temporary files."""
    with suppress(OSError):
        if os.lstat(base).st_uid == os.geteuid():
            return [os.path.join(base, name) for name in os.listdir(base)]
    return []
