"""User management: for administrators, and never so that nobody is left who can."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from common.clock import Clock
from common.db.session import Database
from common.domain.permissions import ADMINISTRATOR, Actor
from common.errors import Conflict
from common.services import people, setup, users
from common.services.users import UserPatch
from tests.api.conftest import PASSWORD, Api
from tests.api.people import add, client, log_in, signed_in
from tests.support.interleave import one_engine

NEW = "a quite different pass phrase"


async def patch(api: Api, user_id: int, expect: int = 200, **fields: Any) -> Any:
    answer = await api.client.patch(f"/users/{user_id}", json=fields)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def test_administrators_create_find_change_and_delete_users(api: Api) -> None:
    made = await api.post(
        "/users", {"username": "lin.yue", "password": NEW, "display_name": "林悦", "email": "lin@example.com"}, 201
    )
    assert (made["role"], made["is_active"], made["must_change_password"]) == ("viewer", True, True)
    assert made["invitation_url"] is None
    assert not {"password", "password_hash", "totp_secret"} & made.keys()
    for search in ("LIN.Y", "林", "example.com"):
        assert [each["id"] for each in (await api.get("/users", search=search))["items"]] == [made["id"]]
    assert (await api.get("/users", role="administrator"))["total"] == 1
    assert (await api.get("/users", page_size=1, page=2))["items"][0]["username"] == "lin.yue"
    changed = await patch(api, made["id"], role="operator", display_name="Lin Yue")
    assert (changed["role"], changed["display_name"], changed["email"]) == ("operator", "Lin Yue", "lin@example.com")
    assert (await api.client.delete(f"/users/{made['id']}")).status_code == 200
    await api.get(f"/users/{made['id']}", 404)


@one_engine
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"username": "a b"}, 422, "username"),
        ({"username": "ADMIN"}, 409, "username"),
        ({"username": "eve", "role": "root"}, 422, "role"),
        ({"username": "eve", "password": "short"}, 422, "password"),
        ({"username": "eve", "password": "password1234"}, 422, "password"),
        ({"username": "eve.smith-jones", "password": "Eve.Smith-Jones1"}, 422, "password"),
        ({"username": "eve", "email": "not an address"}, 422, "email"),
        ({"username": "eve", "password_hash": "x"}, 422, "password_hash"),
        ({"username": "eve", "totp_secret": "x"}, 422, "totp_secret"),
        ({"username": "eve", "id": 7}, 422, "id"),
    ],
)
async def test_what_will_not_do_is_refused_by_field(api: Api, body: dict[str, Any], status: int, field: str) -> None:
    answer = await api.client.post("/users", json=body)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text


@one_engine
@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_only_administrators_manage_users(api: Api, role: str) -> None:
    user_id = await add(api, "vera", role)
    async with signed_in(api, "vera") as vera:
        for method, path in (
            ("GET", "/users"),
            ("POST", "/users"),
            ("GET", f"/users/{user_id}"),
            ("PATCH", f"/users/{user_id}"),
            ("DELETE", "/users/1"),
            ("POST", "/users/1/invitation"),
            ("DELETE", "/users/1/totp"),
            ("DELETE", "/users/1/sessions"),
            ("GET", "/users/1/keys"),
        ):
            assert (await vera.client.request(method, path, json={})).status_code == 403, (method, path)


async def test_a_registered_user_cannot_choose_their_role(api: Api) -> None:
    api.app.state.settings = api.app.state.settings.model_copy(update={"registration": True})
    body = {"username": "eve", "password": NEW, "role": "administrator", "is_active": True}
    async with client(api) as anonymous:
        assert (await anonymous.post("/auth/register", json=body)).json()["role"] == "viewer"


@pytest.mark.parametrize(
    "change", [{"role": "viewer"}, {"role": "administrator"}, {"is_active": False}, {"password": NEW}]
)
async def test_another_role_being_disabled_and_a_new_password_end_every_sign_in(
    api: Api, change: dict[str, Any]
) -> None:
    user_id = await add(api, "olga", "operator")
    refresh = (await log_in(api, "olga")).json()["refresh_token"]
    async with signed_in(api, "olga") as olga:
        assert (await olga.client.get("/auth/me")).status_code == 200
        await patch(api, user_id, **change)
        assert (await olga.client.get("/auth/me")).status_code == 401
        assert (await olga.client.post("/auth/refresh", json={"refresh_token": refresh})).status_code == 401


async def test_other_changes_end_no_sign_in(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        await patch(api, user_id, display_name="Olga", email="o@example.com", role="operator")
        assert (await olga.client.get("/auth/me")).status_code == 200


async def test_nobody_takes_their_own_rights_away(api: Api) -> None:
    await add(api, "second", ADMINISTRATOR)
    for change in ({"role": "operator"}, {"is_active": False}):
        await patch(api, 1, 403, **change)
    assert (await api.client.delete("/users/1")).status_code == 403
    assert (await api.get("/users/1"))["role"] == ADMINISTRATOR
    await patch(api, 1, display_name="me")


async def test_the_last_administrator_stays(api: Api) -> None:
    user_id = await add(api, "second", ADMINISTRATOR)
    async with signed_in(api, "second") as second:
        await patch(second, 1, role="viewer")
        for change in ({"role": "viewer"}, {"is_active": False}):
            await patch(second, user_id, 403, **change)
    boss = Actor(None, "root", ADMINISTRATOR, "cli")
    database = api.database.on_behalf_of(boss)
    for fields in ({"role": "viewer"}, {"is_active": False}):
        with pytest.raises(Conflict, match="last administrator"):
            await people.change(database, Clock(), user_id, UserPatch.model_validate(fields))
    with pytest.raises(Conflict, match="last administrator"):
        async with database.write() as session:
            await users.remove(session, user_id, now=await Clock().now(session))


async def test_two_who_depose_each_other_at_once_leave_one(api: Api) -> None:
    other = await add(api, "second", ADMINISTRATOR)

    async def depose(actor: int, victim: int) -> bool:
        database = api.database.on_behalf_of(Actor(actor, "x", ADMINISTRATOR))

        async def work(session: Any) -> None:
            now = await Clock().now(session)
            await users.change(session, victim, UserPatch(role="viewer"), now=now)

        try:
            await database.transact(work)
        except Conflict:
            return False
        return True

    assert sorted(await asyncio.gather(depose(1, other), depose(other, 1))) == [False, True]


async def test_whoever_owns_tasks_is_disabled_and_not_deleted(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        task = await olga.task()
    answer = await api.client.delete(f"/users/{user_id}")
    assert answer.status_code == 409
    assert "Disable the account instead." in answer.json()["detail"]
    await api.client.delete(f"/tasks/{task['id']}")
    assert (await api.client.delete(f"/users/{user_id}")).status_code == 200


async def test_a_disabled_user_is_told_nothing_and_let_in_again_when_enabled(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    await patch(api, user_id, is_active=False)
    told = await log_in(api, "olga")
    assert told.text == (await log_in(api, "nobody")).text
    await patch(api, user_id, is_active=True)
    assert (await log_in(api, "olga")).status_code == 200


async def test_a_password_that_must_be_changed_comes_before_anything_else(api: Api) -> None:
    await api.post("/users", {"username": "olga", "password": PASSWORD, "role": "operator"}, 201)
    async with signed_in(api, "olga") as olga:
        refused = await olga.client.get("/tasks")
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:action-required")
        assert (await olga.client.get("/openapi.json")).status_code == 403
        assert (await olga.client.post("/auth/keys", json={"name": "k", "scopes": ["read"]})).status_code == 403
        assert (await olga.get("/auth/me"))["required_action"] == "password"
        body = {"current_password": PASSWORD, "new_password": NEW}
        assert (await olga.client.post("/auth/password", json=body)).status_code == 204
        assert (await olga.client.get("/tasks")).status_code == 200


async def test_changing_ones_password_ends_the_other_sign_ins(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as here, signed_in(api, "olga") as there:
        for body, field in (
            ({"current_password": "wrong wrong wrong", "new_password": NEW}, "current_password"),
            ({"current_password": PASSWORD, "new_password": "short"}, "new_password"),
            ({"current_password": PASSWORD, "new_password": "olga olga olga olga"}, "new_password"),
            ({"current_password": PASSWORD, "new_password": PASSWORD}, "new_password"),
        ):
            answer = await here.client.post("/auth/password", json=body)
            assert (answer.status_code, answer.json()["field"]) == (422, field)
        body = {"current_password": PASSWORD, "new_password": NEW}
        assert (await here.client.post("/auth/password", json=body)).status_code == 204
        assert (await here.client.get("/auth/me")).status_code == 200
        assert (await there.client.get("/auth/me")).status_code == 401
    assert (await log_in(api, "olga")).status_code == 401
    assert (await log_in(api, "olga", NEW)).status_code == 200


async def test_guessing_the_current_password_is_slowed_down(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        body = {"current_password": "wrong wrong wrong", "new_password": NEW}
        answers = [(await olga.client.post("/auth/password", json=body)).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


# ---- sign-ins ----


async def test_one_sees_ones_sign_ins_and_ends_them(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as here, signed_in(api, "olga") as there:
        listed = await here.get("/auth/sessions")
        assert [each["current"] for each in listed].count(True) == 1
        assert {each["address"] for each in listed} == {"127.0.0.1"}
        (other,) = [each["id"] for each in listed if not each["current"]]
        async with signed_in(api) as admin:
            assert (await admin.client.delete(f"/auth/sessions/{other}")).status_code == 404
        assert (await here.client.delete(f"/auth/sessions/{other}")).status_code == 204
        assert (await there.client.get("/auth/me")).status_code == 401
        async with signed_in(api, "olga") as third:
            assert (await here.client.delete("/auth/sessions")).status_code == 204
            assert (await third.client.get("/auth/me")).status_code == 401
        assert (await here.client.get("/auth/me")).status_code == 200


async def test_administrators_end_all_sign_ins_of_a_user(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        assert (await api.client.delete(f"/users/{user_id}/sessions")).status_code == 204
        assert (await olga.client.get("/auth/me")).status_code == 401


# ---- invitations ----


def token_of(url: str) -> str:
    assert url.startswith("http://rota.test/ui/invitation?token=")
    return urlsplit(url).query.removeprefix("token=")


async def take(api: Api, token: str, password: str = NEW) -> httpx.Response:
    async with client(api) as browser:
        return await browser.post("/ui/invitation", data={"token": token, "password": password, "repeat": password})


async def test_somebody_without_a_password_gets_a_link_that_works_once(api: Api) -> None:
    made = await api.post("/users", {"username": "lin.yue", "role": "operator"}, 201)
    assert made["has_password"] is False
    token = token_of(made["invitation_url"])
    assert (await log_in(api, "lin.yue", "")).status_code == 422
    assert (await log_in(api, "lin.yue", NEW)).status_code == 401
    assert (await take(api, token, "short")).status_code == 422
    done = await take(api, token)
    assert (done.status_code, done.headers["location"]) == (303, "/ui/home")
    assert "rota_session" in done.headers["set-cookie"]
    assert (await take(api, token)).status_code == 404
    assert (await log_in(api, "lin.yue", NEW)).status_code == 200


async def test_a_new_link_voids_the_old_one_and_takes_the_place_of_a_lost_password(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    first = token_of((await api.post(f"/users/{user_id}/invitation"))["invitation_url"])
    second = token_of((await api.post(f"/users/{user_id}/invitation"))["invitation_url"])
    assert (await take(api, first)).status_code == 404
    async with signed_in(api, "olga") as olga:
        assert (await take(api, second)).status_code == 303
        assert (await olga.client.get("/auth/me")).status_code == 401


async def test_of_several_who_use_a_link_at_once_one_wins(api: Api) -> None:
    token = token_of((await api.post("/users", {"username": "lin.yue"}, 201))["invitation_url"])
    answers = await asyncio.gather(*(take(api, token, f"{NEW} {number}") for number in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303, 404, 404, 404, 404]


async def test_links_go_where_the_setting_says(api: Api) -> None:
    api.app.state.settings = api.app.state.settings.model_copy(update={"public_url": "https://rota.example.com/x/"})
    made = await api.post("/users", {"username": "lin.yue"}, 201)
    assert made["invitation_url"].startswith("https://rota.example.com/x/ui/invitation?token=")


# ---- the first start ----


async def test_of_twenty_set_ups_at_once_one_wins_and_a_restart_opens_it_no_more(
    app: Any, anonymous: httpx.AsyncClient, database: Database
) -> None:
    token = await setup.prepare(database, admin_password=None, known=None, clock=Clock())

    async def one(number: int) -> int:
        form = {"token": token, "username": f"admin{number}", "password": PASSWORD, "repeat": PASSWORD}
        return (await anonymous.post("/ui/setup", data=form)).status_code

    answers = await asyncio.gather(*(one(number) for number in range(20)))
    assert sorted(answers) == [303] + [404] * 19
    async with database.read() as session:
        rows = await users.any_user(session)
        assert rows
    assert await setup.prepare(database, admin_password=None, known=token, clock=Clock()) is None
    assert await setup.prepare(database, admin_password=PASSWORD, known=None, clock=Clock()) is None
    assert await one(99) == 404
    assert (await anonymous.get(f"/ui/setup?token={token}")).status_code == 404
