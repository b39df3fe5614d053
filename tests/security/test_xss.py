"""Markup in every text field that anybody can fill, shown on every page, in a real browser: none of it runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from api.app import create_app
from common.config import Settings
from tests.security.surface import body_of, entries
from tests.support.eventually import eventually_sync
from tests.support.rota_process import PASSWORD, Rota, running

pytestmark = pytest.mark.browser

#: Calls `xss`, which the browser of this test counts, in every place that markup can end up in.
CANARY = "\"'><img src=x onerror=xss()><script>xss()</script><svg onload=xss()>{{7*7}}javascript:xss()"
#: The same where a form allows fewer characters.
SHORT = "\"'><svg onload=xss()>"


@pytest.fixture(scope="module")
def rota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rota]:
    with running(tmp_path_factory.mktemp("xss")) as process:
        yield process


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("app")))


def fill(app: FastAPI, client: httpx.Client) -> dict[str, int]:
    """One of everything, with the canary in each of its texts that takes it; gives the ids."""
    ids: dict[str, int] = {}
    document = app.openapi()
    filled = 0
    for entry in entries(app):
        if entry.method != "POST" or not entry.is_api or "{" in entry.path or entry.path.startswith("/auth/"):
            continue
        body = body_of(app, entry)
        if not isinstance(body, dict):
            continue
        content = document["paths"][entry.path]["post"]["requestBody"]["content"].get("application/json", {})
        for name in texts(content.get("schema", {}), document):
            for text in (CANARY, SHORT, f"{SHORT[2:]}.py"):
                if client.post(entry.path, json={**body, name: text}).status_code == 201:
                    filled += 1
                    break
    assert filled > 3
    values: dict[str, Any] = {
        "name": CANARY,
        "command": f"printf '%s\\n' {quoted(CANARY)}; printf '%s\\n' {quoted(CANARY)} >&2; exit 3",
        "description": CANARY,
        "tags": [SHORT],
        "args": [CANARY],
        "env": {"CANARY": CANARY},
        "cron": "0 3 * * *",
    }
    ids["task_id"] = made(client, "/tasks", values)
    run = client.post(f"/tasks/{ids['task_id']}/run").raise_for_status().json()["execution_id"]
    ids["execution_id"] = run
    client.patch(f"/tasks/{ids['task_id']}", json={"description": f"{CANARY}!"}).raise_for_status()
    user = {"username": "eve", "role": "operator", "display_name": CANARY, "email": '"<svg/onload=xss()>"@example.com'}
    ids["user_id"] = made(client, "/users", user)
    ids["team_id"] = made(client, "/teams", {"name": f"{CANARY} 2", "members": ["eve"]})
    ids["calendar_id"] = made(client, "/calendars", {"name": f"{SHORT} 2", "kind": "dates", "dates": ["2026-12-31"]})
    client.put(f"/tasks/{ids['task_id']}/shares", json={"shares": [{"team": f"{CANARY} 2"}]}).raise_for_status()
    client.patch("/auth/me", json={"display_name": SHORT}).raise_for_status()
    client.post("/auth/keys", json={"name": CANARY, "scopes": ["read"]}).raise_for_status()
    # A user agent is shown where one is signed in, a path in the audit log.
    client.post("/auth/login", json={"username": "admin", "password": PASSWORD}, headers={"User-Agent": CANARY})
    client.delete(f"/tasks/{'9' * 9}?x={quote(CANARY)}")

    def ended() -> None:
        assert client.get(f"/executions/{run}").json()["status"] == "failed"

    eventually_sync(ended)
    return ids


def texts(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """The names of the texts of a body."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return [
        name
        for name, each in schema.get("properties", {}).items()
        if "string" in {each.get("type"), *(part.get("type") for part in each.get("anyOf", ()))}
    ]


def made(client: httpx.Client, path: str, body: dict[str, Any]) -> int:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, (path, answer.text)
    found = answer.json()
    return int(found["id"] if "id" in found else next(each["id"] for each in found.values() if isinstance(each, dict)))


def quoted(text: str) -> str:
    """As one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def test_markup_in_every_text_runs_on_no_page(rota: Rota, browser: Browser, app: FastAPI, tmp_path: Path) -> None:
    with rota.client() as client:
        ids = fill(app, client)
    calls: list[str] = []
    context = browser.new_context(base_url=rota.url, locale="en-GB", user_agent=SHORT)
    context.expose_function("xss", lambda: calls.append("called"))
    # Were the policy all that stands between, a browser without it would be open: none of it may be markup at all.
    page = context.new_page()
    blocked: list[str] = []
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on(
        "console", lambda message: blocked.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.goto("/ui/login")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/ui/**")
    shown = 0
    found = []
    for entry in entries(app):
        if entry.method != "GET" or not entry.is_page or entry.path in ("/ui/events", "/ui/login", "/ui/setup"):
            continue
        address = entry.at(**ids)
        if "download" in address or "oidc" in address:
            continue
        canary = quote(CANARY)
        page.goto(f"{address}?q={canary}&search={canary}&find={canary}&tag={canary}&expr={canary}&next={canary}")
        page.goto(address)
        shown += "xss()" in page.content()
        markup = page.evaluate("document.querySelectorAll('[onerror],[onload],[href^=\"javascript:\"]').length")
        scripts = page.evaluate("[...document.scripts].filter((each) => each.text.includes('xss()')).length")
        if calls or blocked or markup or scripts:
            found.append((address, calls[:], blocked[:], markup, scripts))
        calls.clear()
        blocked.clear()
    context.close()
    assert not found
    assert shown > 10, "the canary was on few pages: what was proven?"
