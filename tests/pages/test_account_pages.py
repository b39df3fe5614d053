"""My account: name and language, password, second factor, sign-ins, API keys."""

import re
from datetime import timedelta

import httpx
import pyotp
import pytest
from fastapi import FastAPI

from common.db.models import UserIdentity
from common.security import passwords
from common.services import signin, users
from tests.pages.conftest import NOW, PASSWORD, Person

NEW = "a quite different pass phrase"
TABS = ("", "/password", "/totp", "/sessions", "/identities", "/keys")


async def change(person: Person, **fields: object) -> None:
    """Change the row of alice behind the pages' back."""
    async with person.database.write() as session:
        user = await users.named(session, "alice")
        for name, value in fields.items():
            setattr(user, name, value)


@pytest.mark.parametrize("tab", TABS)
async def test_every_part_is_there_in_both_languages(alice: Person, tab: str) -> None:
    assert 'aria-current="page"' in await alice.get(f"/ui/account{tab}")
    assert "我的账号" in await alice.get(f"/ui/account{tab}", lang="zh-CN")


async def test_a_viewer_has_an_account_too_and_no_users(victor: Person) -> None:
    for tab in TABS:
        page = await victor.get(f"/ui/account{tab}")
    assert "Users" not in page
    for url in ("/ui/users", "/ui/users/create", "/ui/users/1"):
        await victor.get(url, 403)
    assert 'value="write"' not in await victor.get("/ui/account/keys")


async def test_the_language_of_the_profile_comes_with_the_next_sign_in(alice: Person) -> None:
    answer = await alice.post("/ui/account", {"display_name": "Alice <b>", "language": "zh_CN"})
    assert answer.status_code == 303
    assert "Alice &lt;b&gt;" in await alice.get("/ui/account")
    alice.client.cookies.clear()
    answer = await alice.client.post("/ui/login", data={"username": "alice", "password": PASSWORD})
    assert "rota_lang=zh_CN" in answer.headers["set-cookie"]
    wrong = await alice.post("/ui/account", {"display_name": "x" * 101, "language": "tlh"})
    assert wrong.status_code == 422
    assert wrong.text.count("invalid-feedback") == 2


async def test_another_password_is_taken_or_told_what_is_wrong_with_it(alice: Person) -> None:
    for form, text in (
        ({"current_password": "wrong wrong wrong", "new_password": NEW, "repeat": NEW}, "The password is wrong."),
        ({"current_password": PASSWORD, "new_password": NEW, "repeat": "x"}, "The two passwords differ."),
        ({"current_password": PASSWORD, "new_password": "password1234", "repeat": "password1234"}, "easy to guess"),
    ):
        answer = await alice.post("/ui/account/password", form)
        assert (answer.status_code, text in answer.text) == (422, True), text
        assert PASSWORD not in answer.text
    done = await alice.post("/ui/account/password", {"current_password": PASSWORD, "new_password": NEW, "repeat": NEW})
    assert done.status_code == 303
    await alice.get("/ui/tasks")


async def test_a_password_that_must_be_changed_leads_to_its_page_and_nowhere_else(alice: Person) -> None:
    await change(alice, must_change_password=True)
    for url in ("/ui/tasks", "/ui/account", "/ui/users", "/docs"):
        answer = await alice.client.get(url)
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/account/password")
    fragment = await alice.client.get("/ui/tasks", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/ui/account/password")
    page = await alice.get("/ui/account/password")
    assert "Choose a new password before you go on." in page
    token = re.search(r'name="_csrf" value="([0-9a-f]+)"', page)
    assert token
    form = {"_csrf": token[1], "current_password": PASSWORD, "new_password": NEW, "repeat": NEW}
    assert (await alice.client.post("/ui/account/password", data=form)).status_code == 303
    await alice.get("/ui/tasks")


async def test_a_role_that_needs_a_second_factor_is_led_to_it(app: FastAPI, alice: Person) -> None:
    app.state.settings = app.state.settings.model_copy(update={"totp_required": ["administrator"]})
    answer = await alice.client.get("/ui/tasks")
    assert answer.headers["location"] == "/ui/account/totp"
    assert "Your role needs a second factor." in await alice.get("/ui/account/totp")


async def test_the_second_factor_is_set_up_and_switched_off(alice: Person) -> None:
    token = await alice.token()

    async def post(path: str, **form: str) -> httpx.Response:
        return await alice.client.post(f"/ui/account/totp{path}", data={"_csrf": token, **form})

    page = (await post("")).text
    assert "<svg" in page
    secret = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)
    assert secret
    code = pyotp.TOTP(secret[1]).now()
    for form in ({"code": "000000", "password": PASSWORD}, {"code": code, "password": "wrong wrong wrong"}):
        wrong = await post("/confirm", secret=secret[1], **form)
        assert wrong.status_code == 422
        assert secret[1] in wrong.text, "the app need not be set up anew"
    done = await post("/confirm", secret=secret[1], code=code, password=PASSWORD)
    codes = re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{5})</li>", done.text)
    assert len(codes) == 10
    page = await alice.get("/ui/account/totp")
    assert ("10 recovery codes left" in page, codes[0] in page, secret[1] in page) == (True, False, False)
    assert len(re.findall(r"<li>[a-z0-9]{5}-", (await post("/codes", password=PASSWORD)).text)) == 10
    assert (await post("/off", password="wrong wrong wrong")).status_code == 422
    assert (await post("/off", password=PASSWORD)).status_code == 303
    assert "Set it up" in await alice.get("/ui/account/totp")


async def test_an_api_key_is_shown_once_and_deleted_after_a_question(alice: Person) -> None:
    wrong = await alice.post("/ui/account/keys", {"name": " ", "life": "90"})
    assert (wrong.status_code, wrong.text.count("invalid-feedback")) == (422, 2)
    form = {"name": "<deploy>", "scopes": ["read", "run"], "life": "30"}
    made = (await alice.post("/ui/account/keys", form)).text
    key = re.search(r"rota_[A-Za-z0-9_-]{43}", made)
    assert key
    page = await alice.get("/ui/account/keys")
    assert "&lt;deploy&gt;" in page
    assert "look, run" in page
    assert key[0] not in page
    assert "你" not in page
    asked = await alice.post("/ui/account/keys/1/delete")
    assert "Delete &lt;deploy&gt;?" in asked.text
    assert key[0][:12] in await alice.get("/ui/account/keys")
    assert (await alice.post("/ui/account/keys/1/delete", {"confirmed": "1"})).status_code == 303
    assert "No API key" in await alice.get("/ui/account/keys")
    assert (await alice.post("/ui/account/keys/1/delete")).status_code == 404


async def test_one_sees_where_one_is_signed_in_and_ends_it(alice: Person) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
    visitor = signin.Visitor("192.0.2.7", agent)
    async with alice.database.write() as session:
        user = await users.named(session, "alice")
        entry = await signin.start(session, user, lifetime=timedelta(days=1), now=NOW, visitor=visitor)
    page = await alice.get("/ui/account/sessions")
    assert "Edge, Windows" in page
    assert "192.0.2.7" in page
    assert (await alice.post(f"/ui/account/sessions/{entry.session_id}/end")).status_code == 303
    assert "192.0.2.7" not in await alice.get("/ui/account/sessions")
    assert (await alice.post(f"/ui/account/sessions/{entry.session_id}/end")).status_code == 404
    assert (await alice.post("/ui/account/sessions/end-others")).status_code == 303
    await alice.get("/ui/account/sessions")


async def test_signing_in_makes_a_new_session_whatever_cookie_came(alice: Person) -> None:
    """Session fixation: a cookie that somebody planted is not taken over, and the old sign-in ends."""
    before = alice.client.cookies["rota_session"]
    form = {"username": "alice", "password": PASSWORD}
    assert (await alice.client.post("/ui/login", data=form)).status_code == 303
    assert alice.client.cookies["rota_session"] != before
    await alice.get("/ui/tasks")
    alice.client.cookies.clear()
    alice.client.cookies["rota_session"] = before
    assert (await alice.client.get("/ui/tasks")).status_code == 303


async def test_a_sign_in_service_is_left_after_the_password_once_more(alice: Person) -> None:
    url = "/ui/account/identities"
    assert "No sign-in service is connected" in await alice.get(url)
    async with alice.database.write() as session:
        row = UserIdentity(
            user_id=alice.user_id or 0,
            issuer="https://id.example.com/a",
            subject="7",
            created_at=NOW,
            last_login_at=NOW,
        )
        session.add(row)
    assert "id.example.com" in await alice.get(url)
    assert "断开连接" in await alice.get(url, lang="zh-CN")
    wrong = await alice.post(f"{url}/{row.id}/disconnect", {"password": "wrong"})
    assert (wrong.status_code, "The password is wrong." in wrong.text) == (422, True)
    assert (await alice.post(f"{url}/4711/disconnect", {"password": PASSWORD})).status_code == 404
    await change(alice, password_hash="")
    only = await alice.post(f"{url}/{row.id}/disconnect")
    assert (only.status_code, "This is your only way in." in only.text) == (422, True)
    assert 'type="password"' not in only.text
    async with alice.database.write() as session:
        user = await users.named(session, "alice")
        user.password_hash = await passwords.hash_password(PASSWORD)
    assert (await alice.post(f"{url}/{row.id}/disconnect", {"password": PASSWORD})).status_code == 303
    assert "No sign-in service is connected" in await alice.get(url)
    assert "Disconnected a user from the sign-in service" in await alice.get("/ui/audit")
    assert "登录服务：https://id.example.com/a" in await alice.get("/ui/audit", lang="zh-CN")
