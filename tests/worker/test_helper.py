"""The module `rota` of programs, by itself: an API client, and parameters of queries for every driver."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import worker.kinds.python
from common.paths import ROOT
from worker.kinds.helper.rota import _sql

HELPER = Path(worker.kinds.python.__file__).parent / "helper"


def run(program: str, **env: str) -> str:
    """What a program that uses the module prints; without Rota around it."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PATH": os.defpath, "PYTHONPATH": str(HELPER), **env},
        # not in the checkout, whose own package of that name would be found first
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Shop(BaseHTTPRequestHandler):
    """An API with tokens, as one meets them."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, self.headers.get("Authorization"), body.decode()))  # type: ignore[attr-defined]
        if self.path == "/auth/token":
            number = sum(path == "/auth/token" for path, *_ in self.server.calls)  # type: ignore[attr-defined]
            self._answer(200, {"access_token": "t", "data": {"token": f"t{number}", "expires_in": 3600}})
        else:
            self._answer(201, {"code": 0, "made": json.loads(body)})

    def do_GET(self) -> None:
        calls = self.server.calls  # type: ignore[attr-defined]
        token = self.headers.get("Authorization")
        calls.append((self.path, token, ""))
        if self.path.startswith("/old") and token == "Bearer t1":
            self._answer(401, {"message": "token expired"})
        elif self.path == "/busy" and sum(path == "/busy" for path, *_ in calls) < 2:
            self._answer(503, {"message": "busy"})
        elif self.path == "/wrong":
            self._answer(200, {"code": 4711, "msg": "余额不足"})
        elif self.path == "/broken":
            self._answer(500, "oops")
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/here")  # type: ignore[attr-defined]
            self.end_headers()
        else:
            self._answer(200, {"code": 0, "data": [1, 2], "path": self.path})

    def _answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def shop() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), Shop)
    made.calls = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


CLIENT = """
import json, os, rota
api = rota.ApiClient(os.environ["API"], token_url="auth/token", credentials={"user": "rota"}, token_path="data.token",
                     code_field="code", message_field="msg", retries=1)
"""


def test_a_token_is_got_once_renewed_when_refused_and_errors_are_exceptions(shop: HTTPServer) -> None:
    program = f"""{CLIENT}
print(api.get("users", page=2, tag=["a", "b"], none=None)["path"])
print(api.get("old")["data"])
print(api.post("orders", {{"name": "你"}}, dry=1)["made"]["name"])
print(api.get("busy")["data"])
for path in ("wrong", "broken"):
    try:
        api.get(path)
    except rota.ApiError as error:
        print(error.status, error.code, str(error).partition("/" + path)[2])
print(api.get("away")["path"])
"""
    base = f"http://127.0.0.1:{shop.server_port}/"
    said = run(program, API=base, PYTHONIOENCODING="utf-8").splitlines()
    assert said == [
        "/users?page=2&tag=a&tag=b",
        "[1, 2]",
        "你",
        "[1, 2]",
        "200 4711 : 200, code 4711, 余额不足",
        "500 None : 500, oops",
        "/here",
    ]
    calls = shop.calls  # type: ignore[attr-defined]
    assert [path for path, *_ in calls].count("/auth/token") == 2
    assert next(body for path, _, body in calls if path == "/auth/token") == '{"user": "rota"}'
    assert [token for path, token, _ in calls if path == "/old"] == ["Bearer t1", "Bearer t2"]
    assert [token for path, token, _ in calls if path == "/here"] == [None], "no token goes to another host"
    assert [token for path, token, _ in calls if path == "/broken"] == ["Bearer t2"] * 1


def test_a_token_that_says_itself_when_it_ends_is_renewed_before(shop: HTTPServer) -> None:
    over = base64.urlsafe_b64encode(json.dumps({"exp": 1_000_000}).encode()).decode().rstrip("=")
    program = f"""
import os, rota
made = []
def login():
    made.append(1)
    return "a.{over}.c"
api = rota.ApiClient(os.environ["API"], login=login, token_header="X-Token", token_prefix="")
api.get("a"); api.get("b")
print(len(made))
good = rota.ApiClient(os.environ["API"], login=lambda: ("t", 100))
good.get("a")
"""
    assert run(program, API=f"http://127.0.0.1:{shop.server_port}") == "2\n"


def test_an_api_that_is_away_is_said_without_what_the_query_holds() -> None:
    program = """
import rota
api = rota.ApiClient("http://127.0.0.1:9", retries=0, timeout=5)
try:
    api.get("x", password="secret")
except rota.ApiError as error:
    print(error.status, error)
try:
    rota.ApiClient("file:///etc")
except rota.RotaError as error:
    print(error)
"""
    said = run(program)
    assert "GET http://127.0.0.1:9/x: no answer" in said
    assert "secret" not in said
    assert "begins with http" in said


def test_without_rota_around_it_the_module_says_what_is_missing() -> None:
    program = """
import rota
rota.progress(1, 2); rota.result(a=1); rota.warn("x")
print(rota.sources(), rota.execution.id)
for what in (lambda: rota.query("shop", "SELECT 1"), rota.files):
    try:
        what()
    except rota.RotaError as error:
        print(error)
"""
    said = run(program, ROTA_JOB="0")
    assert said.splitlines() == [
        "[] 0",
        "this task has no data source named 'shop' (it has: none). Choose it in the task's form.",
        "there is no folder for files: this program was not started by Rota",
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM t WHERE a = :a AND b=:b_1", "SELECT * FROM t WHERE a = %(a)s AND b=%(b_1)s"),
        ("SELECT ':no', \":no\", `:no`, :yes", "SELECT ':no', \":no\", `:no`, %(yes)s"),
        ("SELECT 'it''s :no' || :yes", "SELECT 'it''s :no' || %(yes)s"),
        ("SELECT :x::text, now()::date", "SELECT %(x)s::text, now()::date"),
        ("SELECT a LIKE '5%' -- :no 1%\n, :x", "SELECT a LIKE '5%%' -- :no 1%%\n, %(x)s"),
        ("/* :no */ SELECT 7 % :x", "/* :no */ SELECT 7 %% %(x)s"),
        ("SELECT $f$ :no $f$, :x", "SELECT $f$ :no $f$, %(x)s"),
        ("SET @a := 1; SELECT :x", "SET @a := 1; SELECT %(x)s"),
        ("SELECT '12:30:00', :x", "SELECT '12:30:00', %(x)s"),
    ],
)
def test_parameters_are_found_where_they_are_parameters(sql: str, expected: str) -> None:
    assert _sql.translate(sql, "pyformat") == expected
    assert _sql.translate(sql, "named") == sql
    assert _sql.names(sql) == [name for name in _sql.names(sql) if f"%({name})s" in expected]


def test_parameters_that_a_statement_does_not_have_are_left_out() -> None:
    assert _sql.given("SELECT :a, ':b'", {"a": 1, "b": 2, "c": 3}) == {"a": 1}


def test_the_examples_of_the_documents_run(shop: HTTPServer, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "programs.md").read_text("utf-8")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "import rota" in block]
    report = tmp_path / "report.json"
    env = {"ROTA_ARTIFACTS": str(tmp_path), "ROTA_REPORT": str(report), "ROTA_EXECUTION_ID": "7"}
    said = [run(block, SHOP_API=f"http://127.0.0.1:{shop.server_port}/", **env) for block in blocks]
    assert said == [" 7\n", "2\n"]
    assert (tmp_path / "days.csv").read_text("utf-8").count("2026") == 3
    told = json.loads(report.read_text("utf-8"))
    assert (told["progress"]["done"], told["result"]["days"], len(told["warnings"])) == (3, 3, 1)
