"""Processes of Rota that begin without importing it: forked from one that has done so once.

A start costs 0.05 s of CPU instead of 0.9, and tests that kill and start again do so some three hundred times. What is
forked is a process like any other: of its own session, with its own environment, ended by signals. That a program also
starts from nothing the tests of `rota up` and of single programs prove.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What the programs import, with the driver of each engine.
_IMPORTED = [
    "cli.main",
    "scheduler.main",
    "worker.main",
    "aiosqlite",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.mysql.aiomysql",
]
_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload(_IMPORTED)


class Born:
    """A process of its own, with what tests use of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self._asking = threading.Lock()
        assert process.pid is not None
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, as `Popen` says it; None while it runs."""
        with self._asking:
            return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        connection.wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(module: str, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Born:
    """`python -m module arguments` in the root of the repository, appending what it says to `log`."""
    given = (module, list(arguments), dict(environment), str(log))
    process = _nursery.Process(target=_live, args=given, daemon=True)
    process.start()
    return Born(process)


def _live(module: str, arguments: list[str], environment: dict[str, str], log: str) -> None:
    """What the forked process does: become what a new one would be, and run."""
    os.setsid()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    for source, target in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(source, target)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
