"""Secrets of every kind are planted in a whole Rota, which is used; then they are searched for in all it shows."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyotp
import pytest
from fastapi import FastAPI

from common.services import apikeys
from tests.security.surface import NOTHING, Entry, entries
from tests.support.canaries import CANARIES, found_in, left_in
from tests.support.eventually import eventually_sync
from tests.support.rota_process import PASSWORD, Rota, running

pytestmark = pytest.mark.process

PERSON = {"username": "li", "password": CANARIES["password of somebody"]}
#: Prints the secret in every way a program might, and stays for a look at its environment.
LEAKY = (
    """echo "$CANARY"; env; printf %s "$CANARY" | base64; echo "x=$CANARY&y" >&2; set; tr '\\0' ' ' </proc/$$/environ"""
)


@pytest.fixture(scope="module")
def rota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rota]:
    settings = {
        "log_level": "DEBUG",
        "oidc_issuer": "http://127.0.0.1:9",
        "oidc_client_id": "rota",
        "oidc_client_secret": CANARIES["secret of the OpenID Connect client"],
        "public_url": "http://127.0.0.1",
    }
    with running(tmp_path_factory.mktemp("canaries"), **settings) as process:
        yield process


class Planted:
    """What was planted, and the secrets that Rota made for it."""

    def __init__(self, rota: Rota) -> None:
        self.client = rota.open_client()
        self.made: list[str] = [self.client.headers["Authorization"].removeprefix("Bearer ")]
        self.ids: dict[str, int] = {}
        self.url = rota.url

    def ask(self, method: str, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        answer = self.client.request(method, path, **({"json": body} if body is not None else {}), **options)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def accounts(self) -> None:
        """A user with a second factor and a key; guesses that fail."""
        self.ids["user_id"] = self.ask(
            "POST", "/users", {**PERSON, "role": "operator", "must_change_password": False}, 201
        )["id"]
        signed = httpx.post(f"{self.url}/auth/login", json=PERSON).raise_for_status().json()
        bearer = {"Authorization": f"Bearer {signed['access_token']}"}
        secret = httpx.post(f"{self.url}/auth/totp", headers=bearer).raise_for_status().json()["secret"]
        code = {"secret": secret, "code": pyotp.TOTP(secret).now(), "password": PERSON["password"]}
        recovery = httpx.put(f"{self.url}/auth/totp", json=code, headers=bearer).raise_for_status().json()
        key = self.ask("POST", "/auth/keys", {"name": "canary", "scopes": ["read"]}, 201)
        text = max((each for each in key.values() if str(each).startswith(apikeys.PREFIX)), key=len)
        httpx.get(f"{self.url}/tasks", headers={"X-API-Key": text}).raise_for_status()
        self.made += [signed["access_token"], signed["refresh_token"], secret, text, *recovery["recovery_codes"]]
        for form in (
            {"username": CANARIES["what was typed into the wrong field"], "password": "x"},
            {"username": "admin", "password": CANARIES["wrong password"]},
        ):
            assert httpx.post(f"{self.url}/auth/login", json=form).status_code == 401
            assert httpx.post(f"{self.url}/ui/login", data=form).status_code == 401
        assert httpx.get(f"{self.url}/ui/login/oidc").status_code == 502

    def things(self, app: FastAPI) -> None:
        """A secret that a task has and prints; a data source where there are any."""
        variable = {"name": "CANARY", "value": CANARIES["variable"], "secret": True}
        self.ids["variable_id"] = self.ask("POST", "/variables", variable, 201)["id"]
        wrong = {**variable, "value": [CANARIES["variable"]]}
        self.ask("POST", "/variables", wrong, 422)
        if any(entry.path == "/data-sources" and entry.method == "POST" for entry in entries(app)):
            self.sources()
        task = {"name": "Leaky", "command": LEAKY, "variables": ["CANARY"], "cron": "0 3 * * *"}
        self.ids["task_id"] = self.ask("POST", "/tasks", task, 201)["id"]
        self.ids["execution_id"] = self.ask("POST", f"/tasks/{self.ids['task_id']}/run", status=202)["execution_id"]

        def ended() -> None:
            run = self.ask("GET", f"/executions/{self.ids['execution_id']}")
            assert run["status"] == "success", run

        eventually_sync(ended)

    def sources(self) -> None:
        """A database that does not answer, asked for with a password."""
        source = {
            "name": "Canary",
            "kind": "postgresql",
            "host": "127.0.0.1",
            "port": 9,
            "database": "x",
            "username": "x",
            "password": CANARIES["password of a data source"],
        }
        answer = self.client.post("/data-sources", json=source)
        assert answer.status_code == 201, answer.text
        self.ids["data_source_id"] = answer.json()["id"]
        self.client.post(f"/data-sources/{self.ids['data_source_id']}/test")


@pytest.fixture(scope="module")
def planted(rota: Rota, routes: FastAPI) -> Iterator[Planted]:
    made = Planted(rota)
    made.accounts()
    made.things(routes)
    yield made
    made.client.close()


def read(client: httpx.Client, entry: Entry, ids: dict[str, int]) -> bytes:
    """What a GET says; of a stream what it says at first."""
    address = entry.at(**ids)
    with client.stream("GET", address, params={"format": "csv"} if "export" in address else {}) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return next(answer.iter_raw(), b"")
        return answer.read() + str(answer.headers).encode()


def test_no_page_answer_export_or_stream_shows_one(rota: Rota, planted: Planted, routes: FastAPI) -> None:
    """As administrator, who may see everything: every GET there is, by the API and by pages."""
    browser = httpx.Client(base_url=rota.url, timeout=30)
    browser.post("/ui/login", data={"username": "admin", "password": PASSWORD})
    shown = []
    for entry in entries(routes):
        if entry.method != "GET" or entry.path.startswith("/ui/login"):
            continue
        client = browser if entry.is_page else planted.client
        for ids in (planted.ids, {**planted.ids, "number": 1, "version": 1}):
            data = read(client, entry, ids)
            # The page of API keys names a header, and the description of the API a token's form; neither is one.
            if names := found_in(data, *planted.made):
                shown.append((entry.path, names))
    output = planted.client.get(f"/executions/{planted.ids['execution_id']}").json()
    browser.close()
    assert not shown
    assert "CANARY=" in output["stdout"], "the task printed nothing: then nothing was masked either"
    assert "***" in output["stdout"] + output["stderr"]
    assert str(NOTHING) not in str(planted.ids)


def test_no_log_and_no_file_holds_one(rota: Rota, planted: Planted) -> None:
    """All that Rota said, its database, its spools and folders; but not the files of keys."""
    said = rota.said()
    assert "DEBUG" in said.upper()
    assert not found_in(said.encode(), *planted.made)
    folder = rota.log.parent
    looked_at = 0
    for path in folder.rglob("*"):
        if path.is_file() and "keys" not in path.parts:
            looked_at += 1
            assert not found_in(path.read_bytes(), *planted.made), path
    assert looked_at >= 2
    assert left_in(folder) == []


def test_no_command_line_and_no_foreign_environment_holds_one(rota: Rota, planted: Planted) -> None:
    """A task that was given nothing, while it runs; and the command line of every process."""
    task = planted.ask("POST", "/tasks", {"name": "Innocent", "command": "exec tail -f /dev/null"}, 201)["id"]
    planted.ask("POST", f"/tasks/{task}/run", status=202)

    def started() -> list[psutil.Process]:
        children = psutil.Process(rota.process.pid).children(recursive=True)
        found = [each for each in children if each.is_running() and "tail" in each.name()]
        assert found
        return found

    for process in eventually_sync(started):
        assert not found_in(Path(f"/proc/{process.pid}/environ").read_bytes(), *planted.made)
        assert b"ROTA_ADMIN_PASSWORD" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    for process in psutil.Process(rota.process.pid).children(recursive=True):
        assert not found_in("\0".join(process.cmdline()).encode(), *planted.made)
    planted.ask("POST", f"/tasks/{task}/stop", status=200, params={"wait": 10})


def test_the_search_finds_what_is_there() -> None:
    """A search that finds nothing proves nothing unless it finds something that is there."""
    secret = CANARIES["variable"]
    import base64

    # Not pytest's folder, which stays: the search after all tests would find it there.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert left_in(folder) == []
        (folder / "plain.bin").write_bytes(b"\0\xff" + secret.encode() + b"\0")
        (folder / "coded.txt").write_bytes(base64.b64encode(b"a=" + secret.encode() + b"&b"))
        (folder / "key.log").write_text(f"key={apikeys.PREFIX}{'aB3_' * 10}xyz\n")
        (folder / "good.txt").write_text("nothing to see")
        assert [re.sub(r"^\./", "", each) for each in left_in(folder)] == ["coded.txt", "key.log", "plain.bin"]
