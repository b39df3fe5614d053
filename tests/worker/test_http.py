"""HTTP tasks: what is sent, what is recorded of the answer, what is refused."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from common.db.models import Execution, table_of
from common.db.session import WriteSession
from common.domain.permissions import Actor
from common.domain.states import Status
from common.errors import Forbidden
from common.security.encryption import Keyring
from common.services import tasks, users, variables
from common.services.inputs import TaskInput, TaskPatch
from common.services.variables import VariableInput
from tests.worker.rig import Rig

E = table_of(Execution)
SECRET = "s3cr3t+/token"
ALLOWED = ["127.0.0.0/8"]


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


class Hook(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/long":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 5000)
            return
        self._answer(404 if self.path == "/missing" else 200)

    def do_POST(self) -> None:
        self._answer(201)

    def _answer(self, status: int) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.seen.append((self.command, self.path, dict(self.headers), body.decode()))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Set-Cookie", "session=of-somebody")
        self.end_headers()
        self.wfile.write(f'{{"会": "{self.headers.get("Authorization")}"}}'.encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), Hook)
    made.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


async def report_of(rig: Rig, execution: int) -> Any:
    async with rig.database.read() as session:
        return await session.scalar(select(E.c.report).where(E.c.id == execution))


async def test_a_call_is_made_with_its_variables_and_the_answer_is_recorded(rig: Rig, hook: HTTPServer) -> None:
    keyring = Keyring(rig.settings())
    keyring.ensure()
    async with rig.database.write() as session:
        data = VariableInput(name="TOKEN", value=SECRET, scope="everyone")
        await variables.create(session, data, keyring=keyring, now=await rig.clock.now(session))
    rig.start(allowed_networks=ALLOWED)
    base = f"http://127.0.0.1:{hook.server_port}"
    spec = {
        "method": "POST",
        "headers": {"Authorization": "Bearer ${TOKEN}", "X-Task": "${ROTA_EXECUTION_ID}"},
        "body": '{"token": "${TOKEN|json}", "名": 1}',
        "expected": ["201"],
        "save_as": "answer.json",
    }
    run = await rig.run_command(f"{base}/hook?t=${{TOKEN}}", kind="http", spec=spec, variables=["TOKEN"])
    row = await rig.until(run)
    stdout, stderr = await rig.text(run)
    assert row.status == Status.SUCCESS, stderr
    method, path, headers, body = hook.seen[0]  # type: ignore[attr-defined]
    assert (method, path) == ("POST", "/hook?t=s3cr3t%2B%2Ftoken")
    assert (headers["Authorization"], headers["X-Task"]) == (f"Bearer {SECRET}", str(run))
    assert body == f'{{"token": "{SECRET}", "名": 1}}'
    assert stdout.startswith(f"POST {base}/hook\nHTTP/1.0 201 Created, ")
    assert '{"会": "Bearer ***"}' in stdout
    assert SECRET not in stdout
    result = (await report_of(rig, run))["result"]
    assert (result["status"], result["file"], result["headers"]["set-cookie"]) == (201, "answer.json", "***")


async def test_what_was_not_expected_is_a_failure_that_says_why(rig: Rig, hook: HTTPServer) -> None:
    rig.start(allowed_networks=ALLOWED)
    base = f"http://127.0.0.1:{hook.server_port}"
    cases: list[tuple[str, dict[str, Any], str]] = [
        (f"{base}/missing", {}, "the server answered 404, expected was 2xx"),
        (f"{base}/long", {"max_bytes": 1000}, "longer than 1,000 bytes"),
        (f"{base}/x?a=${{NOTHING}}", {}, "no value for ${NOTHING}"),
        ("http://10.255.0.1/", {}, "10.255.0.1, which is not a public address"),
        ("http://169.254.169.254/latest/meta-data", {}, "not a public address"),
        ("file:///etc/passwd", {}, "Must begin with http"),
        ("http://127.0.0.1:9/", {}, "the call failed"),
    ]
    runs = [await rig.run_command(url, kind="http", spec=spec) for url, spec, _ in cases]
    fine = await rig.run_command(f"{base}/missing", kind="http", spec={"expected": ["404", "5xx"]})
    for run, (url, _, words) in zip(runs, cases, strict=True):
        row = await rig.until(run)
        assert row.status == Status.FAILED, url
        assert words in (await rig.text(run))[1], url
    assert (await rig.until(fine)).status == Status.SUCCESS


async def test_only_administrators_let_a_task_call_any_address(rig: Rig, hook: HTTPServer) -> None:
    rig.start()
    url = f"http://127.0.0.1:{hook.server_port}/"
    task = await rig.create(url, kind="http", spec={"any_address": True})
    (run,) = await rig.run(task)
    assert (await rig.until(run)).status == Status.SUCCESS, await rig.text(run)
    async with rig.database.write() as session:
        now = await rig.clock.now(session)
        olga = await users.create(session, "olga", "correct horse battery", role="operator", now=now)
        (await tasks.get(session, task)).owner_id = olga.id
    actor = Actor(olga.id, "olga", "operator")

    async def refused(session: WriteSession, change: TaskPatch | TaskInput) -> None:
        now = await rig.clock.now(session)
        if isinstance(change, TaskPatch):
            done = tasks.update(session, task, change, now=now)
        else:
            done = tasks.create(session, change, owner_id=olga.id, now=now)
        with pytest.raises(Forbidden, match="not public"):
            await done

    async with rig.database.on_behalf_of(actor).write() as session:
        await refused(session, TaskPatch(command="http://10.0.0.1/"))
        await refused(session, TaskInput(name="x", kind="http", command=url, spec={"any_address": True}))
        await tasks.update(session, task, TaskPatch(name="renamed"), now=await rig.clock.now(session))


@pytest.mark.parametrize(
    "spec",
    [
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"Host": "evil.test"}},
        {"headers": {"a b": "c"}},
        {"method": "TRACE"},
        {"expected": ["6xx"]},
        {"save_as": "../x"},
        {"timeout": 0},
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(rig: Rig, spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        await rig.create("https://example.com", kind="http", spec=spec)
