"""`rota up`: api, scheduler and worker on one machine. Light imports, so that it starts at once and stays small.

A child that dies is started again, after a pause that grows while it keeps dying. Each child holds the read end of a
pipe: when this process is killed the pipe closes and the children stop by themselves.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from common.config import Settings
from common.errors import ConfigurationError

PROCESSES = ("api", "scheduler", "worker")
_QUICK_DEATH = 10.0
_LONGEST_PAUSE = 10.0
#: Quick deaths in a row after which a web server that never came up is given up: the reason is on the screen.
_HOPELESS = 5


@dataclass
class Child:
    """A process to keep alive."""

    name: str
    environment: dict[str, str]
    pipe: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    start_at: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Start it, in a group of its own: Ctrl-C reaches the supervisor alone, which stops the children in order."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rota", self.name],
            env=self.environment,
            pass_fds=[self.pipe],
            process_group=0,
        )
        self.started = time.monotonic()

    def look(self) -> None:
        """Start it if it is time; note that it has died."""
        if self.process is None:
            if time.monotonic() >= self.start_at:
                self.start()
            return
        code = self.process.poll()
        if code is not None:
            lived = time.monotonic() - self.started
            self.deaths = self.deaths + 1 if lived < _QUICK_DEATH else 0
            wait = min(_LONGEST_PAUSE, 0.2 * 2**self.deaths) if self.deaths else 0.0
            say(f"{self.name} ended with {_ending(code)}; it is started again{f' in {wait:.1f} s' if wait else ''}")
            self.process, self.start_at = None, time.monotonic() + wait

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(f"rota up: {text}", file=sys.stderr, flush=True)  # noqa: T201


def run(settings: Settings) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code."""
    lock = LockFile(settings.data_dir / "rota.lock")
    _check_port(settings)
    reading, writing = os.pipe()
    environment = _environment(settings, reading)
    children = [Child(name, environment, reading) for name in PROCESSES]
    stops = _count_signals()
    hopeless = False
    while not stops and not hopeless:
        for child in children:
            child.look()
        hopeless = children[0].deaths >= _HOPELESS
        time.sleep(0.05)
    if hopeless:
        say("the web server does not start; see above")
    _stop(children, settings.drain_timeout, stops)
    os.close(writing)
    lock.close()
    return 1 if hopeless else 0


def _environment(settings: Settings, pipe: int) -> dict[str, str]:
    """What the children get: the options of the command line as settings."""
    return {
        **os.environ,
        "ROTA_HOST": settings.host,
        "ROTA_PORT": str(settings.port),
        "ROTA_DATA_DIR": str(settings.data_dir.resolve()),
        "ROTA_SLOTS": str(settings.slots),
        "ROTA_SUPERVISOR_FD": str(pipe),
    }


def _count_signals() -> list[int]:
    """The list that signals to stop are put into, as they come."""
    stops: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        stops.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    return stops


def _stop(children: list[Child], drain_timeout: float, stops: list[int]) -> None:
    """Stop all, giving what runs its time to end; a second signal stops at once."""
    say("stopping; once more to stop at once")
    for child in children:
        child.tell(signal.SIGTERM)
    told = len(stops)
    deadline = time.monotonic() + drain_timeout + 20
    while any(child.process is not None and child.process.poll() is None for child in children):
        if len(stops) > told:
            told = len(stops)
            deadline = min(deadline, time.monotonic() + 15)
            for child in children:
                child.tell(signal.SIGTERM)
        if time.monotonic() > deadline:
            for child in children:
                child.tell(signal.SIGKILL)
        time.sleep(0.05)


class LockFile:
    """Held as long as this process lives: two supervisors on one data folder would fight over its workers."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Rota is running on {path.parent} already. Stop it first, or name another folder with --data-dir."
            ) from None

    def close(self) -> None:
        """Let go."""
        self._file.close()


def _check_port(settings: Settings) -> None:
    """Refuse a port that is taken, in words instead of a traceback of the web server."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another with --port."
            ) from None


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
