"""API keys: shown once, for what they are for, dead with their owner."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from common.clock import Clock
from common.db.models import ApiKey, table_of
from common.db.session import Database
from tests.api.conftest import Api
from tests.api.people import add, client, signed_in
from tests.support.interleave import one_engine

K = table_of(ApiKey)


async def make(person: Api, *scopes: str, **fields: Any) -> Any:
    return await person.post("/auth/keys", {"name": "deploy", "scopes": list(scopes), **fields}, 201)


async def row(database: Database, key_id: int) -> Any:
    async with database.read() as session:
        return (await session.execute(select(*K.c).where(K.c.id == key_id))).one()


async def ask(api: Api, method: str, path: str, key: str, **options: Any) -> httpx.Response:
    async with client(api, key) as made:
        return await made.request(method, path, **options)


async def test_a_key_is_shown_once_and_only_its_digest_is_kept(api: Api) -> None:
    made = await make(api, "read", "run")
    assert made["key"].startswith("rota_")
    assert len(made["key"].removeprefix("rota_")) == 43, "256 bits in base64"
    stored = await row(api.database, made["id"])
    assert made["key"] not in str(stored)
    (listed,) = await api.get("/auth/keys")
    assert listed["prefix"] == made["key"][:12]
    assert made["key"] not in str(listed)
    assert (await ask(api, "GET", "/auth/me", made["key"])).json() == {
        "id": 1,
        "username": "admin",
        "role": "administrator",
        "scopes": ["read", "run"],
        "required_action": None,
    }


@one_engine
async def test_a_key_goes_into_a_header_and_nowhere_else(api: Api) -> None:
    key = (await make(api, "read"))["key"]
    async with client(api) as anonymous:
        assert (await anonymous.get("/tasks", headers={"X-API-Key": key})).status_code == 200
        assert (await anonymous.get("/tasks", headers={"Authorization": f"Bearer {key}"})).status_code == 200
        for name in ("api_key", "key", "access_token", "token", "X-API-Key"):
            assert (await anonymous.get("/tasks", params={name: key})).status_code == 401
        assert (await anonymous.get("/tasks", headers={"Authorization": f"Basic {key}"})).status_code == 401
        assert (await anonymous.get("/tasks", headers={"Cookie": f"rota_session={key}"})).status_code == 401
        both = {"X-API-Key": key, "Authorization": f"Bearer {key}"}
        assert (await anonymous.get("/tasks", headers=both)).status_code == 401


async def test_a_key_is_for_its_scopes_only(api: Api) -> None:
    task = (await api.task())["id"]
    keys = {scope: (await make(api, scope))["key"] for scope in ("read", "run", "write", "admin")}
    asked = {
        "read": ("GET", f"/tasks/{task}", {}),
        "write": ("PUT", f"/tasks/{task}", {"json": {"description": "x"}}),
        "admin": ("GET", "/users", {}),
    }
    for wanted, (method, path, options) in asked.items():
        for scope, key in keys.items():
            answer = await ask(api, method, path, key, **options)
            assert answer.status_code == (200 if scope == wanted else 403), (wanted, scope, answer.text)
            if scope != wanted:
                assert wanted in answer.json()["detail"]


@one_engine
async def test_a_key_never_changes_the_account_it_belongs_to(api: Api) -> None:
    key = (await make(api, "read", "run", "write", "admin"))["key"]
    for method, path, body in (
        ("GET", "/auth/keys", None),
        ("POST", "/auth/keys", {"name": "more", "scopes": ["admin"]}),
        ("DELETE", "/auth/keys/1", None),
        ("POST", "/auth/password", {"current_password": "x", "new_password": "y"}),
        ("PUT", "/auth/totp", {"secret": "x", "code": "y"}),
        ("GET", "/auth/sessions", None),
        ("GET", "/auth/identities", None),
        ("DELETE", "/auth/identities/1", {"password": "x"}),
        ("POST", "/auth/logout", None),
        ("GET", "/ui/tasks", None),
        ("GET", "/ui/account", None),
    ):
        answer = await ask(api, method, path, key, **({"json": body} if body else {}))
        assert answer.status_code == 403, (method, path, answer.text)


@one_engine
@pytest.mark.parametrize(("role", "beyond"), [("viewer", "write"), ("operator", "admin")])
async def test_nobody_makes_a_key_that_may_more_than_they(api: Api, role: str, beyond: str) -> None:
    await add(api, "vera", role)
    async with signed_in(api, "vera") as vera:
        answer = await vera.client.post("/auth/keys", json={"name": "k", "scopes": ["read", beyond]})
        assert (answer.status_code, answer.json()["field"]) == (422, "scopes")
        assert beyond in answer.json()["detail"]
        await make(vera, "read")


async def test_a_key_loses_what_its_owner_loses(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        key = (await make(olga, "read", "write"))["key"]
    task = {"name": "t", "command": "true"}
    assert (await ask(api, "POST", "/tasks", key, json=task)).status_code == 201
    await api.client.patch(f"/users/{user_id}", json={"role": "viewer"})
    assert (await ask(api, "POST", "/tasks", key, json=task)).status_code == 403
    assert (await ask(api, "GET", "/tasks", key)).status_code == 200
    await api.client.patch(f"/users/{user_id}", json={"is_active": False})
    assert (await ask(api, "GET", "/tasks", key)).status_code == 401


async def test_a_deleted_key_and_one_that_is_over_are_dead(api: Api) -> None:
    now = Clock().local()
    soon = await make(api, "read", expires_at=(now + timedelta(hours=1)).isoformat())
    assert (await ask(api, "GET", "/tasks", soon["key"])).status_code == 200
    async with api.database.write() as session:
        await session.execute(update(K).where(K.c.id == soon["id"]).values(expires_at=now))
    assert (await ask(api, "GET", "/tasks", soon["key"])).status_code == 401
    past = await api.client.post("/auth/keys", json={"name": "k", "scopes": ["read"], "expires_at": "2020-01-01"})
    assert past.status_code == 422
    made = await make(api, "read")
    assert (await api.client.delete(f"/auth/keys/{made['id']}")).json() == {"id": made["id"], "deleted": True}
    assert (await ask(api, "GET", "/tasks", made["key"])).status_code == 401


async def test_somebody_elses_key_is_not_found(api: Api) -> None:
    await add(api, "vera")
    mine = await make(api, "read")
    async with signed_in(api, "vera") as vera:
        for key_id in (mine["id"], 4711):
            assert (await vera.client.delete(f"/auth/keys/{key_id}")).status_code == 404
        assert await vera.get("/auth/keys") == []


async def test_administrators_see_and_delete_the_keys_of_others(api: Api) -> None:
    user_id = await add(api, "vera")
    async with signed_in(api, "vera") as vera:
        made = await make(vera, "read")
    (listed,) = await api.get(f"/users/{user_id}/keys")
    assert (listed["id"], "key" in listed) == (made["id"], False)
    assert (await api.client.delete(f"/users/1/keys/{made['id']}")).status_code == 404
    assert (await api.client.delete(f"/users/{user_id}/keys/{made['id']}")).status_code == 200
    assert (await ask(api, "GET", "/tasks", made["key"])).status_code == 401


async def test_the_last_use_is_written_at_most_once_a_minute(api: Api) -> None:
    made = await make(api, "read")
    await ask(api, "GET", "/tasks", made["key"])
    first = (await row(api.database, made["id"])).last_used_at
    assert first is not None
    await ask(api, "GET", "/tasks", made["key"])
    assert (await row(api.database, made["id"])).last_used_at == first
    async with api.database.write() as session:
        before = first - timedelta(seconds=61)
        await session.execute(update(K).where(K.c.id == made["id"]).values(last_used_at=before))
    await ask(api, "GET", "/tasks", made["key"])
    assert (await row(api.database, made["id"])).last_used_at >= first


async def test_a_key_works_on_while_its_owner_must_change_the_password(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        key = (await make(olga, "read"))["key"]
    user_id = (await api.get("/users", search="olga"))["items"][0]["id"]
    await api.client.patch(f"/users/{user_id}", json={"must_change_password": True})
    assert (await ask(api, "GET", "/tasks", key)).status_code == 200
