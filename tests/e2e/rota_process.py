"""A real `rota up` on a free port with a folder of its own, for browser tests and screenshots."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.eventually import eventually_sync

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Rota:
    """Where it answers, and what it has printed."""

    url: str
    log: Path

    def setup_url(self) -> str:
        """The one-time link it printed."""
        found = re.search(r"(/ui/setup\?token=\S+)", self.log.read_text("utf-8", "replace"))
        assert found, self.log.read_text("utf-8", "replace")
        return self.url + found[1]

    def client(self, password: str = PASSWORD) -> httpx.Client:
        """An HTTP client that is signed in to the API."""
        client = httpx.Client(base_url=self.url, timeout=20)
        answer = client.post("/auth/login", json={"username": "admin", "password": password})
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        return client


@contextmanager
def running(folder: Path, *, password: str | None = PASSWORD) -> Iterator[Rota]:
    """Start Rota, wait until it is well, and stop it again with everything it started."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROTA_")}
    environment |= {"ROTA_DATA_DIR": str(folder / "data"), "ROTA_HOST": "127.0.0.1", "ROTA_PORT": str(port)}
    if password is not None:
        environment["ROTA_ADMIN_PASSWORD"] = password
    log = folder / "rota.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rota", "up"], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    rota = Rota(f"http://127.0.0.1:{port}", log)
    try:
        _wait_until_well(rota, process)
        yield rota
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_well(rota: Rota, process: "subprocess.Popen[bytes]") -> None:
    def well() -> None:
        try:
            answer = httpx.get(f"{rota.url}/health", timeout=2)
        except httpx.HTTPError as error:
            raise AssertionError(f"{error}: {rota.log.read_text('utf-8', 'replace')}") from None
        assert answer.json()["status"] == "ok", answer.text

    eventually_sync(well, timeout=60, interval=0.1)
    assert process.poll() is None, rota.log.read_text("utf-8", "replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
