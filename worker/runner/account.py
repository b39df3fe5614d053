"""The user a task runs as."""

import os
import pwd
import subprocess
from typing import NamedTuple

from worker.runner.refusals import SpawnError

_TEST = "/usr/bin/test"


class Account(NamedTuple):
    """A user of this machine with all of their groups."""

    name: str
    uid: int
    gid: int
    groups: list[int]
    home: str
    shell: str

    @property
    def is_other(self) -> bool:
        """Whether it is not this process's own."""
        return self.uid != os.geteuid()

    def environment(self) -> dict[str, str]:
        """What a login would set."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name, "SHELL": self.shell}

    def may_use(self, path: str) -> bool:
        """Whether they may enter this directory or run this program. Asked by a process of theirs: what we look at
        ourselves, we look at with rights that the task does not have."""
        asked = [_TEST, "-x", path]
        done = subprocess.run(
            asked, user=self.uid, group=self.gid, extra_groups=self.groups, env={}, timeout=10, check=False
        )
        return done.returncode == 0


def account(name: str | None) -> Account | None:
    """The user of this name; None where none is named. Raises SpawnError."""
    if not name:
        return None
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise SpawnError(f"user {name} does not exist on this worker's machine") from None
    if os.geteuid() not in (0, found.pw_uid):
        raise SpawnError(f"running as {name} needs a worker that is root; this one is not")
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    return Account(found.pw_name, found.pw_uid, found.pw_gid, groups, found.pw_dir, found.pw_shell or "/bin/sh")
