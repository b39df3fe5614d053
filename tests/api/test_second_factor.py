"""The second factor: asked for, never twice with the same code, and never a trap."""

import asyncio
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import text

from common.security import totp
from tests.api.conftest import PASSWORD, Api
from tests.api.people import add, client, enable_totp, log_in, signed_in
from tests.support.interleave import one_engine


async def test_it_counts_once_a_code_proves_that_the_app_has_the_secret(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga, signed_in(api, "olga") as elsewhere:
        fresh = await olga.post("/auth/totp")
        assert fresh["address"].startswith("otpauth://totp/Rota:olga?secret=" + fresh["secret"])
        assert (await log_in(api, "olga")).status_code == 200, "nothing is on yet"
        for body, field in (
            ({"code": "000000"}, "code"),
            ({"code": ""}, "code"),
            ({"secret": "SHORT", "code": "000000"}, "secret"),
            ({"code": pyotp.TOTP(fresh["secret"]).now(), "password": "wrong wrong wrong"}, "password"),
        ):
            given = {"secret": fresh["secret"], "password": PASSWORD, **body}
            answer = await olga.client.put("/auth/totp", json=given)
            assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
        _, codes = await enable_totp(olga)
        assert len(set(codes)) == 10
        assert (await elsewhere.client.get("/auth/me")).status_code == 401, "other sign-ins end"
        assert (await olga.client.get("/auth/me")).status_code == 200
        again = await olga.client.put("/auth/totp", json={**given, "password": PASSWORD})
        assert again.status_code == 409


async def test_a_password_alone_is_not_enough_and_no_code_works_twice(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, _ = await enable_totp(olga)
    missing = await log_in(api, "olga")
    assert (missing.status_code, missing.json()["type"]) == (401, "urn:rota:second-factor-required")
    assert (await log_in(api, "olga", "wrong wrong wrong")).json()["type"] == "urn:rota:not-authenticated"
    assert (await log_in(api, "olga", totp=phone.used)).status_code == 401, "it was used to switch it on"
    code = phone.code()
    assert (await log_in(api, "olga", totp=f"{code[:3]} {code[3:]}")).status_code == 200
    assert (await log_in(api, "olga", totp=code)).status_code == 401
    assert (await log_in(api, "olga", totp=phone.code(9))).status_code == 401


async def test_the_same_code_at_once_lets_one_in(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, codes = await enable_totp(olga)
    for code in (phone.code(), codes[0]):
        answers = await asyncio.gather(*(log_in(api, "olga", totp=code) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


async def test_a_recovery_code_works_once_however_it_is_typed(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        _, codes = await enable_totp(olga)
    typed = codes[3].upper().replace("-", " ")
    assert (await log_in(api, "olga", totp=typed)).status_code == 200
    assert (await log_in(api, "olga", totp=codes[3])).status_code == 401
    async with signed_in(api, "olga", totp=codes[4]) as olga:
        new = (await olga.post("/auth/totp/recovery-codes", {"password": PASSWORD}))["recovery_codes"]
    assert (await log_in(api, "olga", totp=codes[5])).status_code == 401
    assert (await log_in(api, "olga", totp=new[0])).status_code == 200


async def test_codes_are_guessed_slowly(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, _ = await enable_totp(olga)
    answers = [(await log_in(api, "olga", totp="000000")).status_code for _ in range(5)]
    assert answers == [401] * 5
    assert (await log_in(api, "olga", totp=phone.code())).status_code == 429


async def test_it_is_switched_off_with_the_password_or_by_an_administrator(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        await enable_totp(olga)
        wrong = await olga.client.request("DELETE", "/auth/totp", json={"password": "wrong wrong wrong"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "password")
        assert (await api.get(f"/users/{user_id}"))["second_factor"] is True
        assert (await olga.client.request("DELETE", "/auth/totp", json={"password": PASSWORD})).status_code == 204
        await enable_totp(olga)
        assert (await log_in(api, "olga")).status_code == 401
        assert (await api.client.delete(f"/users/{user_id}/totp")).status_code == 204
        assert (await log_in(api, "olga")).status_code == 200


async def test_roles_that_must_have_one_can_do_nothing_before(api: Api) -> None:
    required = {"totp_required": ["operator"]}
    api.app.state.settings = api.app.state.settings.model_copy(update=required)
    await add(api, "olga", "operator")
    await add(api, "vera", "viewer")
    async with signed_in(api, "vera") as vera:
        assert (await vera.client.get("/tasks")).status_code == 200
    async with signed_in(api, "olga") as olga:
        refused = await olga.client.get("/tasks")
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:action-required")
        assert (await olga.get("/auth/me"))["required_action"] == "totp"
        await enable_totp(olga)
        assert (await olga.client.get("/tasks")).status_code == 200


async def test_neither_secret_nor_codes_stand_in_the_database(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, codes = await enable_totp(olga)
    async with api.database.read() as session:
        rows = [
            *(await session.execute(text(f"SELECT * FROM users WHERE id = {user_id}"))),
            *(await session.execute(text("SELECT * FROM recovery_codes"))),
            *(await session.execute(text("SELECT * FROM audit"))),
        ]
    stored = str(rows)
    assert "v1:" in stored
    for secret in (phone.secret, *codes, *(totp.plain(code) for code in codes)):
        assert secret not in stored


# ---- the page ----


async def first_step(browser: httpx.AsyncClient, **form: str) -> str:
    answer = await browser.post("/ui/login", data={"username": "olga", "password": PASSWORD, **form})
    assert answer.status_code == 200, answer.text
    assert "set-cookie" not in answer.headers
    ticket: str = answer.text.partition('name="ticket" value="')[2].partition('"')[0]
    return ticket


async def test_the_login_page_asks_for_the_code_in_a_second_step(api: Api) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, codes = await enable_totp(olga)
    async with client(api) as browser:
        ticket = await first_step(browser, next="/ui/executions")
        wrong = await browser.post("/ui/login/code", data={"ticket": ticket, "code": "000000", "next": "/ui/tasks"})
        assert (wrong.status_code, "This code is wrong" in wrong.text) == (401, True)
        form = {"ticket": ticket, "code": phone.code(), "next": "/ui/executions"}
        done = await browser.post("/ui/login/code", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/ui/executions")
        assert (await browser.get("/ui/tasks")).status_code == 200
        assert codes


@one_engine
@pytest.mark.parametrize("ticket", ["", "x", "{access}"])
async def test_nothing_but_a_ticket_leads_to_the_second_step(api: Api, ticket: str) -> None:
    await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, _ = await enable_totp(olga)
        access: Any = olga.client.headers["Authorization"].removeprefix("Bearer ")
    async with client(api) as browser:
        form = {"ticket": ticket.format(access=access), "code": phone.code()}
        answer = await browser.post("/ui/login/code", data=form)
        assert (answer.status_code, "Sign in again." in answer.text) == (401, True)


async def test_a_ticket_is_void_once_the_password_changes(api: Api) -> None:
    user_id = await add(api, "olga", "operator")
    async with signed_in(api, "olga") as olga:
        phone, _ = await enable_totp(olga)
    async with client(api) as browser:
        ticket = await first_step(browser)
        await api.client.patch(f"/users/{user_id}", json={"password": "a quite different pass phrase"})
        answer = await browser.post("/ui/login/code", data={"ticket": ticket, "code": phone.code()})
        assert answer.status_code == 401
