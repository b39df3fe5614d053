"""The whole HTTP API against its own description, for each role. Only the web server runs: no command is executed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually_sync
from tests.support.rota_process import PASSWORD, free_port, started

pytestmark = pytest.mark.process

#: Which phases for how long at most (s): the administrator gets furthest, so the thorough one is theirs.
PLANS = {
    "administrator": ("examples,coverage,fuzzing", 10),
    "operator": ("examples,fuzzing", 3),
    "viewer": ("examples,fuzzing", 3),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def up() -> None:
        try:
            assert httpx.get(f"{address}/health").status_code == 200
        except httpx.HTTPError as error:
            raise AssertionError(str(error)) from None

    folder = tmp_path_factory.mktemp("schema")
    with started(folder, "api", port=port, password=PASSWORD, database_url=None):
        eventually_sync(up)
        yield address


def token(url: str, role: str) -> str:
    """The access token of somebody of this role."""
    with httpx.Client(base_url=url, timeout=30) as client:
        admin = _signed_in(client, "admin", PASSWORD)
        if role == "administrator":
            return admin
        first = f"{PASSWORD} for a start"
        body = {"username": role, "password": first, "role": role}
        client.post("/users", json=body, headers={"Authorization": f"Bearer {admin}"}).raise_for_status()
        bearer = {"Authorization": f"Bearer {_signed_in(client, role, first)}"}
        change = {"current_password": first, "new_password": PASSWORD}
        client.post("/auth/password", json=change, headers=bearer).raise_for_status()
        return _signed_in(client, role, PASSWORD)


def _signed_in(client: httpx.Client, username: str, password: str) -> str:
    answer = client.post("/auth/login", json={"username": username, "password": password}).raise_for_status()
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("role", list(PLANS))
def test_every_answer_is_what_the_document_says(url: str, role: str, tmp_path: Path) -> None:
    phases, seconds = PLANS[role]
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={Path(__file__).parent / 'schemathesis.toml'}",
        "run",
        f"{url}/openapi.json",
        f"--header=Authorization: Bearer {token(url, role)}",
        f"--phases={phases}",
        f"--max-time={seconds}",
        "--max-examples=3",
        "--checks=all",
        "--continue-on-failure",
        "--generation-database=none",
        "--no-color",
    ]
    # It keeps what it found in the folder it runs in, with the token in it.
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
