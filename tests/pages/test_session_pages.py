"""Signing in and out, the set-up, language and theme."""

import pytest

from common.clock import Clock
from common.services import setup
from tests.pages.conftest import PASSWORD, Person


async def test_a_stranger_is_sent_to_the_login_and_back_again(stranger: Person) -> None:
    answer = await stranger.client.get("/ui/tasks?q=a b")
    assert answer.headers["location"].startswith("/ui/login?next=/ui/tasks%3Fq%3Da")


async def test_a_wrong_password_says_so_and_keeps_the_name(alice: Person) -> None:
    answer = await alice.client.post("/ui/login", data={"username": "alice", "password": "wrong"})
    assert answer.status_code == 401
    assert "User name or password is wrong." in answer.text
    assert 'value="alice"' in answer.text


@pytest.mark.parametrize("next_", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "\r\n"])
async def test_the_login_leads_to_pages_of_ours_only(alice: Person, next_: str) -> None:
    data = {"username": "alice", "password": PASSWORD, "next": next_}
    answer = await alice.client.post("/ui/login", data=data)
    assert answer.headers["location"] == "/ui/home"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://rota.test.evil.example"])
async def test_nobody_is_signed_in_by_another_site_s_form(alice: Person, origin: str) -> None:
    data = {"username": "alice", "password": PASSWORD}
    assert (await alice.client.post("/ui/login", data=data, headers={"Origin": origin})).status_code == 403


async def test_signing_out_ends_the_session_on_the_server(alice: Person) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in alice.client.cookies.items())
    assert (await alice.post("/ui/logout")).headers["location"] == "/ui/login"
    answer = await alice.client.get("/ui/tasks", headers={"Cookie": cookie})
    assert answer.status_code == 303


async def test_the_set_up_link_makes_the_administrator_once(stranger: Person) -> None:
    token = await setup.prepare(stranger.database, admin_password=None, known=None, clock=Clock())
    page = await stranger.get(f"/ui/setup?token={token}")
    assert "Who looks after this Rota?" in page
    form = {"token": token, "username": "lin.yue", "password": PASSWORD}
    differ = await stranger.client.post("/ui/setup", data={**form, "repeat": "something else"})
    assert (differ.status_code, "The two passwords differ." in differ.text) == (422, True)
    short = await stranger.client.post("/ui/setup", data={**form, "password": "short", "repeat": "short"})
    assert (short.status_code, "characters at least" in short.text) == (422, True)
    done = await stranger.client.post("/ui/setup", data={**form, "repeat": PASSWORD})
    assert done.headers["location"] == "/ui/home"
    assert "lin.yue" in await stranger.get("/ui/tasks")
    await stranger.get(f"/ui/setup?token={token}", 404)
    assert (await stranger.client.post("/ui/setup", data={**form, "repeat": PASSWORD})).status_code == 404


async def test_a_wrong_set_up_token_is_not_found(stranger: Person) -> None:
    await setup.prepare(stranger.database, admin_password=None, known=None, clock=Clock())
    await stranger.get("/ui/setup?token=guess", 404)
    await stranger.get("/ui/setup", 404)


async def test_the_language_can_be_chosen_before_signing_in(stranger: Person) -> None:
    assert '<html lang="zh-CN"' in await stranger.get("/ui/login?lang=zh_CN")
    assert "登录" in await stranger.get("/ui/login")


async def test_theme_and_language_are_kept_and_lead_back(alice: Person) -> None:
    answer = await alice.post(
        "/ui/preferences", {"theme": "dark", "lang": "zh_CN", "back": "/ui/executions?status=failed"}
    )
    assert answer.headers["location"] == "/ui/executions?status=failed"
    page = await alice.get("/ui/tasks")
    assert '<html lang="zh-CN" data-bs-theme="dark">' in page
    assert (await alice.post("/ui/preferences", {"theme": "x", "back": "//evil"})).headers["location"] == "/ui/home"


async def test_a_form_without_its_token_changes_nothing(alice: Person) -> None:
    answer = await alice.client.post("/ui/tasks/create", data={"name": "x", "command": "y", "schedule": "manual"})
    assert answer.status_code == 403
    assert "Nothing is scheduled yet." in await alice.get("/ui/tasks")
