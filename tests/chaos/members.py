"""The processes that are killed: schedulers and workers, each with its own way to the database."""

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from common.process import pause
from tests.support import nursery
from tests.support.nursery import Born
from tests.support.proxy import Proxy

_SETTINGS_OF_TESTS = ("ROTA_TEST_", "ROTA_ALLOW_SKIP")


@dataclass
class Member:
    """One `rota scheduler` or `rota worker`, started again after each death."""

    name: str
    role: str
    folder: Path
    settings: Mapping[str, str]
    proxy: Proxy | None
    program: tuple[str, ...] = ("rota",)
    #: Somebody does something to it at this moment.
    busy: bool = False
    #: It may end: we told it to.
    expected: bool = False
    starts: int = 0
    _said_before: int = 0
    process: Born = field(init=False)

    @property
    def log(self) -> Path:
        """What it has printed, in all its lives."""
        return self.folder / f"{self.name}.log"

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / self.name

    def start(self) -> None:
        """Begin a life."""
        self.expected = False
        self.starts += 1
        self.data.mkdir(exist_ok=True)
        self.log.touch()
        self._said_before = self.log.stat().st_size
        module, *arguments = self.program
        self.process = nursery.start(module, [*arguments, self.role], environment=self._environment(), log=self.log)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROTA_")}
        return {**kept, "ROTA_DATA_DIR": str(self.data), "ROTA_WORKER_NAME": self.name, **self.settings}

    @property
    def alive(self) -> bool:
        """Whether its process runs, frozen or not."""
        return self.process.poll() is None

    @property
    def works(self) -> bool:
        """Whether it has come up in this life."""
        with self.log.open("rb") as said:
            said.seek(self._said_before)
            return self.alive and f"{self.role} started".encode() in said.read()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; after one that ends it, its end is no surprise."""
        self.expected = self.expected or number in (signal.SIGKILL, signal.SIGTERM)
        if self.alive:
            self.process.send_signal(number)

    async def ended(self, seconds: float) -> bool:
        """Wait so long for its end; gives whether it came."""
        for _ in range(int(seconds / 0.05)):
            if not self.alive:
                return True
            await pause(0.05)
        return not self.alive

    def runner(self) -> psutil.Process | None:
        """The runner of this worker."""
        wanted = str(self.data / "workers" / self.name / "runner")
        return next((found for found in runners() if wanted in found.cmdline()), None)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-1500:]


def runners() -> list[psutil.Process]:
    """Every runner on this machine."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(argument.endswith("worker/runner/__main__.py") for argument in process.cmdline()):
                found.append(process)
    return found
