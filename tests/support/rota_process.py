"""A real `rota up` on a free port with a folder of its own: for process and browser tests, and screenshots."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.support.eventually import eventually_sync

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Rota:
    """Where it answers, its supervisor, and what it has printed."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]"

    def said(self) -> str:
        """All it has printed so far."""
        return self.log.read_text("utf-8", "replace")

    def setup_url(self) -> str:
        """The one-time link it printed."""
        found = re.search(r"(/ui/setup\?token=\S+)", self.said())
        assert found, self.said()
        return self.url + found[1]

    def client(self, password: str = PASSWORD) -> closing[httpx.Client]:
        """`open_client`, to be used with `with`."""
        return closing(self.open_client(password))

    def open_client(self, password: str = PASSWORD) -> httpx.Client:
        """An HTTP client that is signed in to the API; the caller closes it."""
        client = httpx.Client(base_url=self.url, timeout=30)
        answer = client.post("/auth/login", json={"username": "admin", "password": password})
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        return client

    def child(self, name: str) -> psutil.Process:
        """The process of this name ("api", "scheduler", "worker")."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it may be dying at this moment
                if child.cmdline()[-1:] == [name]:
                    return child
        raise AssertionError(f"no {name} at work: {self.said()[-2000:]}")

    def wait_until_well(self) -> None:
        """Wait until the database answers and scheduler and worker are at work."""

        def well() -> None:
            assert self.process.poll() is None, self.said()
            try:
                answer = httpx.get(f"{self.url}/health", timeout=2)
            except httpx.HTTPError as error:
                raise AssertionError(f"{error}: {self.said()}") from None
            assert answer.json()["status"] == "ok", f"{answer.text}: {self.said()}"

        eventually_sync(well, timeout=90, interval=0.1)


def command(*arguments: str) -> list[str]:
    """`rota` with these arguments, as this Python runs it."""
    return [sys.executable, "-m", "rota", *arguments]


def environment(
    folder: Path, *, port: int, password: str | None, database_url: str | None = None, **more: str
) -> dict[str, str]:
    """Settings for a Rota of its own; nothing of the caller's leaks in. `more`: `slots="4"` for ROTA_SLOTS."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ROTA_")}
    settings |= {f"ROTA_{name.upper()}": value for name, value in more.items()}
    settings |= {"ROTA_DATA_DIR": str(folder / "data"), "ROTA_HOST": "127.0.0.1", "ROTA_PORT": str(port)}
    if password is not None:
        settings["ROTA_ADMIN_PASSWORD"] = password
    if database_url is not None:
        settings["ROTA_DATABASE_URL"] = database_url
    return settings


@contextmanager
def running(
    folder: Path, *, password: str | None = PASSWORD, database_url: str | None = None, **more: str
) -> Iterator[Rota]:
    """Start Rota, wait until it is well, and stop it again with everything it started."""
    port = free_port()
    with started(folder, "up", port=port, password=password, database_url=database_url, **more) as process:
        rota = Rota(f"http://127.0.0.1:{port}", folder / "rota.log", process)
        rota.wait_until_well()
        yield rota


@contextmanager
def started(
    folder: Path, program: str, *, port: int = 0, password: str | None = None, database_url: str | None, **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start one program of Rota ("up", "worker", …), writing to `rota.log` in the folder, and stop it again."""
    settings = environment(folder, port=port, password=password, database_url=database_url, **more)
    with (folder / "rota.log").open("wb") as out:
        process = subprocess.Popen(command(program), cwd=ROOT, env=settings, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End it as Ctrl-C does, and harder when that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
