"""Every route against everybody: who is not signed in gets nowhere, who is gets as far as the rule of the route."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, text

from common.db.models import Artifact, Execution, TaskShare, User, metadata, table_of
from common.db.session import Database
from common.domain.permissions import ADMINISTRATOR, OPERATOR, ROLES, VIEWER, Actor, Right, right_of
from tests.api.conftest import PASSWORD, Api
from tests.security.people import signed_in
from tests.security.surface import NOTHING, SAFE, Entry, body_of, entries, unseen
from tests.support.world import NOW, add_task

H, E, U, R = table_of(TaskShare), table_of(Execution), table_of(User), table_of(Artifact)

#: All that answers without a sign-in. Whoever adds to this list is asked why.
PUBLIC = {
    ("GET", "/"),
    ("GET", "/health"),
    # A link that somebody who may have the file has made: signed, and only until it expires.
    ("GET", "/files/{artifact_id}/{expires}/{signature}"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/register"),
    ("GET", "/ui/login"),
    ("POST", "/ui/login"),
    ("GET", "/ui/setup"),
    ("POST", "/ui/setup"),
    ("POST", "/ui/login/code"),
    ("GET", "/ui/login/oidc"),
    ("GET", "/ui/login/oidc/callback"),
    ("GET", "/ui/login/oidc/out"),
    ("GET", "/ui/invitation"),
    ("POST", "/ui/invitation"),
}


@pytest.fixture
def database_kind() -> str:
    """The rules are the same on every engine; test_sharing proves the queries on each."""
    return "sqlite"


_SEQUENCE = text("INSERT INTO sqlite_sequence VALUES (:name, :number)")


@pytest.fixture
async def people(api: Api) -> AsyncIterator[dict[str, Api]]:
    """One of each role; `li` is whom the examples of the OpenAPI document speak of.

    Ids begin at four million, so that they are no number that an answer has for another reason.
    """
    async with api.database.write() as session:
        await session.execute(
            text(
                "INSERT INTO sqlite_sequence VALUES ('tasks', 4000000), ('executions', 5000000), ('artifacts', 6000000)"
            )
        )
    async with signed_in(api.app, "vera:viewer", "otto:operator", "li:operator") as found:
        yield {VIEWER: found["vera"], OPERATOR: found["otto"], ADMINISTRATOR: api}


def spellings(path: str) -> list[str]:
    """One address in the ways that have got past other applications' checks."""
    first, _, rest = path.lstrip("/").partition("/")
    return [
        path,
        f"{path}/",
        f"/{path}",
        f"/api{path}",
        f"/API{path}",
        f"//api{path}",
        f"/api//{path.lstrip('/')}",
        path.upper(),
        f"/{first.title()}/{rest}",
        f"/%{ord(first[0]):02x}{first[1:]}/{rest}" if first else "/%2e",
        f"/.{path}",
        f"/%2e{path}",
        f"/static/..{path}",
        f"/static/%2e%2e{path}",
        f"/auth/login/..{path}",
        f"{path};a=b",
        f"{path}%00",
        f"{path}.json",
    ]


async def test_only_the_list_answers_without_a_sign_in(
    app: FastAPI, anonymous: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    found = entries(app)
    public = {(entry.method, entry.path) for entry in found if entry.role is None}
    print("Without a sign-in:", *sorted(f"{method} {path}" for method, path in public), sep="\n  ")
    assert public <= PUBLIC
    assert len(found) > 150
    assert unseen(app) == {"Mount /static"}
    spelled: set[str] = set()
    for entry in found:
        if entry.role is None:
            continue
        for spelling in [entry.at()] if entry.at() in spelled else spellings(entry.at()):
            for method in {entry.method, "HEAD" if entry.method == "GET" else entry.method}:
                answer = await anonymous.request(method, httpx.URL(f"http://rota.test{spelling}"))
                to_login = answer.status_code == 303 and answer.headers["location"].startswith("/ui/login")
                refused = answer.status_code == 401 or to_login
                exact = spelling == entry.at() and method == entry.method
                assert refused or (not exact and answer.status_code in (307, 400, 404, 405)), (
                    method,
                    spelling,
                    answer.status_code,
                )
        spelled.add(entry.at())


async def test_the_twins_below_api_are_kept_by_the_same_rules(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    for entry in entries(app):
        if entry.is_api and entry.path in app.openapi()["paths"] and entry.role is not None:
            answer = await anonymous.request(entry.method, f"/api{entry.at()}")
            assert answer.status_code == 401, entry


class Objects:
    """Tasks as one person meets them: theirs, somebody else's, and shared for this and that; each has run once."""

    SHARES = ("view", "run", "edit")

    def __init__(self, database: Database, user_id: int, role: str) -> None:
        self.database, self.user_id, self.role = database, user_id, role
        self.ids: dict[str, tuple[int, int, int]] = {}

    async def make(self) -> None:
        async with self.database.read() as session:
            other = await session.scalar(select(U.c.id).where(U.c.username == "li"))
        for name in ("foreign", *self.SHARES, "own"):
            task = await add_task(self.database, owner_id=self.user_id if name == "own" else other, name=name)
            async with self.database.write() as session:
                if name in self.SHARES:
                    level = Right[name.upper()]
                    await session.execute(insert(H).values(task_id=task, user_id=self.user_id, level=level))
                made = await session.execute(insert(E).values(**_run(task)))
                run = made.inserted_primary_key[0]  # type: ignore[attr-defined]
                left = await session.execute(insert(R).values(**_file(task, run)))
            self.ids[name] = (task, run, left.inserted_primary_key[0])  # type: ignore[attr-defined]

    def right(self, name: str) -> Right | None:
        shared = Right[name.upper()] if name in self.SHARES else None
        return right_of(Actor(self.user_id, "", self.role), self.user_id if name == "own" else None, shared)


def _file(task: int, run: int) -> dict[str, Any]:
    return {
        "execution_id": run,
        "token": 1,
        "task_id": task,
        "name": "订单.xlsx",
        "media_type": "text/plain",
        "size": 3,
        "sha256": "",
        "store_key": f"0/{run}",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=36_000),
    }


def _run(task: int) -> dict[str, Any]:
    return {
        "task_id": task,
        "fire_key": "m:1",
        "run_id": "r",
        "trigger": "manual",
        "triggered_by": "",
        "scheduled_for": NOW,
        "available_at": NOW,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
        "status": "success",
        "token": 1,
        "stdout": "out",
        "stderr": "",
    }


async def ask(person: Api, entry: Entry, body: Any, **ids: int) -> httpx.Response:
    if entry.is_page and entry.method not in SAFE:
        return await person.client.request(entry.method, entry.at(**ids), data={"confirmed": "1"})
    options: dict[str, Any] = {} if body is None else {"json": body}
    if entry.path.endswith("/why") or entry.path.endswith("/days"):
        options["params"] = {"year": 2026} if entry.path.endswith("/days") else {}
    # A stream that has no end would be waited for: the head of its answer says whether it was let in.
    async with person.client.stream(entry.method, entry.at(**ids), **options) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return httpx.Response(answer.status_code)
        await answer.aread()
        return answer


def told_apart(foreign: httpx.Response, missing: httpx.Response, ids: Mapping[str, int]) -> bool:
    """Whether one can tell from the answers that one thing is there and another is not."""
    text = foreign.text
    for value in ids.values():
        text = text.replace(str(value), str(NOTHING))
    return (foreign.status_code, text) != (missing.status_code, missing.text)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.timeout(300)
async def test_who_may_do_what_to_whose_task(app: FastAPI, people: dict[str, Api], role: str) -> None:
    """Role x route x task; what is expected comes from the rule that stands at the route, and `right_of`."""
    person = people[role]
    user_id = (await person.get("/auth/me"))["id"]
    objects = Objects(app.state.database, user_id, role)
    await objects.make()
    asked, stale = 0, False
    for entry in entries(app):
        if entry.need is None or entry.role is None:
            continue
        body = body_of(app, entry)
        if stale or entry.method not in SAFE:
            await objects.make()
        stale = entry.method not in SAFE
        for name, (task, run, file) in objects.ids.items():
            ids = {"task_id": task, "execution_id": run, "artifact_id": file}
            answer = await ask(person, entry, body, **ids)
            asked += 1
            where = (role, entry.method, entry.path, name, answer.status_code, answer.text[:300])
            right = objects.right(name)
            if ROLES.index(role) < ROLES.index(entry.role):
                assert answer.status_code == 403, where
            elif right is None:
                assert answer.status_code == 404, where
                assert not told_apart(answer, await ask(person, entry, body), ids), where
            elif right < entry.need:
                assert answer.status_code == 403, where
            elif entry.path == "/artifacts/{artifact_id}" and entry.method == "GET":
                assert (answer.status_code, "store does not have" in answer.text) == (404, True), where
            else:
                assert answer.status_code < 400 or answer.status_code in (409, 422), where
    assert asked > 150


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_use_the_other_routes(app: FastAPI, people: dict[str, Api], role: str) -> None:
    for entry in entries(app):
        if entry.need is not None or entry.role is None or entry.path.endswith("/logout"):
            continue
        answer = await ask(people[role], entry, body_of(app, entry))
        where = (role, entry.method, entry.path, answer.status_code, answer.text[:300])
        if ROLES.index(role) < ROLES.index(entry.role):
            assert answer.status_code == 403, where
        else:
            assert answer.status_code not in (401, 403, 500), where


async def dump(database: Database) -> dict[str, list[str]]:
    """Every row of every table, but for when somebody was last seen: that is noted once a minute, whatever they do."""
    found = {}
    async with database.read() as session:
        for table in metadata.sorted_tables:
            columns = [column for column in table.c if column.name not in ("last_seen_at", "last_used_at")]
            found[table.name] = sorted(str(row) for row in await session.execute(select(*columns)))
    return found


async def test_looking_changes_nothing(app: FastAPI, api: Api) -> None:
    task = (await api.task(cron="*/5 * * * *", tags=["x"]))["id"]
    run = (await api.post(f"/tasks/{task}/run", status=202))["execution_id"]
    await api.post("/teams", {"name": "T", "members": ["admin"]}, 201)
    await api.post("/calendars", {"name": "Off", "kind": "dates", "dates": ["2026-12-31"]}, 201)
    before = await dump(app.state.database)
    for entry in entries(app):
        if entry.method == "GET":
            for ids in ({"task_id": task, "execution_id": run, "team_id": 1, "calendar_id": 1, "user_id": 1}, {}):
                answer = await ask(api, entry, None, **ids)
                assert answer.status_code < 500, (entry, answer.text)
    assert await dump(app.state.database) == before


async def test_no_form_is_taken_from_another_site(app: FastAPI, api: Api) -> None:
    """With the cookie of an administrator: no token, a wrong one, another site's page with the right one."""
    task = await add_task(app.state.database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://rota.test") as browser:
        entered = await browser.post("/ui/login", data={"username": "admin", "password": PASSWORD})
        assert entered.status_code == 303
        page = await browser.get("/ui/workers")
        token = page.text.partition('name="_csrf" value="')[2].partition('"')[0]
        assert token
        before = await dump(app.state.database)
        attacks: list[tuple[dict[str, str], dict[str, str]]] = [
            ({}, {}),
            ({"_csrf": "0" * 64}, {}),
            ({}, {"x-csrf-token": token[:-1] + ("0" if token[-1] != "0" else "1")}),
            ({"_csrf": token}, {"origin": "https://evil.test"}),
            ({"_csrf": token}, {"origin": "http://rota.test.evil.test"}),
            ({"_csrf": token}, {"origin": "null"}),
            ({"_csrf": token}, {"sec-fetch-site": "cross-site"}),
            ({"_csrf": token}, {"sec-fetch-site": "same-site"}),
        ]
        asked = 0
        for entry in entries(app):
            if entry.method in SAFE or entry.role is None:
                continue
            for data, headers in attacks:
                form = {"confirmed": "1", "ids": str(task), **data}
                answer = await browser.request(entry.method, entry.at(task_id=task), data=form, headers=headers)
                assert answer.status_code == 403, (entry, data, headers, answer.status_code)
                asked += 1
            body = json.dumps(body_of(app, entry) or {})
            plain = await browser.request(
                entry.method, entry.at(task_id=task), content=body, headers={"content-type": "text/plain"}
            )
            assert plain.status_code == 403, entry
        assert asked > 150
        after = await dump(app.state.database)
    assert {name for name in after if after[name] != before[name]} <= {"audit"}
