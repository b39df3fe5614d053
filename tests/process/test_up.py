"""`rota up`: starts, refuses, stops, and leaves nothing behind. That it restarts what dies shows test_kills."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.eventually import eventually_sync
from tests.support.rota_process import PASSWORD, ROOT, Rota, command, environment, free_port, running

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


def _processes_of(folder: Path) -> list[list[str]]:
    """The command of every process that was given this data folder, runners and tasks included."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            mine = any(str(folder) in part for part in (*command, process.environ().get("ROTA_DATA_DIR", "")))
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(command)
        except psutil.Error:
            continue
    return found


def _nothing_left(folder: Path) -> None:
    assert _processes_of(folder) == []


def test_what_runs_is_ended_when_rota_is_stopped(tmp_path: Path) -> None:
    mark = f"4711.{os.getpid()}"
    with running(tmp_path) as rota, rota.client() as client:
        task = client.post("/tasks", json={"name": "long", "command": f"sleep {mark}"}).json()
        client.post(f"/tasks/{task['id']}/run")
        eventually_sync(lambda: _runs(client, task["id"]))
        rota.process.send_signal(signal.SIGTERM)
        eventually_sync(lambda: _says(rota, "draining"))
        rota.process.send_signal(signal.SIGTERM)
        rota.process.wait(60)
    eventually_sync(lambda: _nothing_left(tmp_path))
    assert not [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or [])]


def _says(rota: Rota, text: str) -> None:
    assert text in rota.said()


def _runs(client: httpx.Client, task_id: int) -> None:
    assert client.get(f"/tasks/{task_id}/status").json()["status"] == "RUNNING"


@pytest.fixture(scope="module")
def rota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rota]:
    with running(tmp_path_factory.mktemp("rota")) as rota:
        yield rota


def _refused(settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        command("up", *arguments), cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = _refused(environment(tmp_path, port=port, password=None))
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_a_second_rota_on_the_same_folder_is_refused(rota: Rota) -> None:
    folder = rota.log.parent
    assert "already" in _refused(environment(folder, port=free_port(), password=None))


def test_pages_that_are_closed_in_the_middle_of_anything_leave_nothing_behind(rota: Rota) -> None:
    """Each is closed a little later than the one before: while it signs in, while it reads, while it waits."""
    with httpx.Client(base_url=rota.url, headers={"Origin": rota.url}) as browser:
        browser.post("/ui/login", data={"username": "admin", "password": PASSWORD})
        (cookie,) = [f"{name}={value}" for name, value in browser.cookies.items() if "session" in name]
        request = f"GET /ui/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n"
        address = httpx.URL(rota.url)
        for number in range(150):
            with socket.create_connection((address.host, address.port or 80)) as closed:
                closed.sendall(request.encode())
                closed.settimeout(number / 5000 + 0.001)
                with contextlib.suppress(TimeoutError):
                    while closed.recv(65536):
                        pass
        assert browser.get("/ui/home").status_code == 200
    assert "[error" not in rota.said()


def test_the_children_stop_when_the_supervisor_is_killed(rota: Rota) -> None:
    assert len(_processes_of(rota.log.parent)) >= 4
    rota.process.kill()
    rota.process.wait()
    eventually_sync(lambda: _nothing_left(rota.log.parent))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROTA_PORT", "http"),
        ("ROTA_DATABASE_URL", "oracle://x"),
        ("ROTA_SECRET_KEY", "short"),
        ("ROTA_DATA_DIR", "/proc/nowhere"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    settings = environment(tmp_path, port=free_port(), password=None) | {name: value}
    process = "up" if name in ("ROTA_PORT", "ROTA_DATA_DIR") else "api"
    done = subprocess.run(
        command(process), cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert name in done.stderr
    assert value not in done.stderr or name != "ROTA_SECRET_KEY"


def test_a_short_admin_password_is_refused_with_the_reason(tmp_path: Path) -> None:
    settings = environment(tmp_path, port=free_port(), password="short")
    done = subprocess.run(
        command("api"), cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "ROTA_ADMIN_PASSWORD" in done.stderr
    assert "12" in done.stderr


def test_the_set_up_link_works_once_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with running(tmp_path, password=None) as rota:
        link = rota.setup_url()
        assert (tmp_path / "data" / "setup-link").stat().st_mode & 0o077 == 0
        form = {"username": "chief", "password": "correct horse battery", "repeat": "correct horse battery"}
        with httpx.Client(base_url=rota.url) as browser:
            assert browser.get(link).status_code == 200
            token = link.partition("token=")[2]
            done = browser.post("/ui/setup", data={**form, "token": token})
            assert done.status_code == 303, done.text
            assert browser.get("/ui/tasks").status_code == 200
            again = browser.post("/ui/setup", data={**form, "username": "second", "token": token})
            assert again.status_code == 404
        rota.process.send_signal(signal.SIGINT)
        assert rota.process.wait(60) == 0
    eventually_sync(lambda: _nothing_left(tmp_path))
