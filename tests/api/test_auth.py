"""Signing in, and what nobody may see without."""

import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jose import jwt

from tests.api.conftest import PASSWORD, Api
from tests.support.interleave import one_engine


async def test_it_signs_in_with_a_form_and_with_json(api: Api, anonymous: httpx.AsyncClient) -> None:
    credentials = {"username": "ADMIN", "password": PASSWORD}
    for answer in (
        await anonymous.post("/auth/login", data={"grant_type": "password", **credentials}),
        await anonymous.post("/api/auth/login", json=credentials),
    ):
        assert answer.status_code == 200
        token = answer.json()["access_token"]
        me = await anonymous.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["username"] == "admin"


async def test_it_says_the_same_for_a_wrong_password_and_an_unknown_user(
    api: Api, anonymous: httpx.AsyncClient
) -> None:
    answers = [
        await anonymous.post("/auth/login", json={"username": name, "password": "wrong wrong wrong"})
        for name in ("admin", "nobody", "x\x01y")
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.text for answer in answers}) == 1


@one_engine
@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"username": 5}', b'{"username":"\\ud800","password":"x"}'])
async def test_it_names_what_is_wrong_with_credentials(anonymous: httpx.AsyncClient, body: bytes) -> None:
    answer = await anonymous.post("/auth/login", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["field"]


async def test_it_refuses_registration_unless_switched_on(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/auth/register", json={"username": "eve", "password": PASSWORD})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


async def test_it_registers_viewers_when_switched_on(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    app.state.settings = app.state.settings.model_copy(update={"registration": True})
    answer = await anonymous.post("/auth/register", json={"username": "小明", "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.json()["role"] == "viewer"
    again = await anonymous.post("/auth/register", json={"username": "小明", "password": PASSWORD})
    assert (again.status_code, again.json()["field"]) == (409, "username")
    short = await anonymous.post("/auth/register", json={"username": "bob", "password": "short"})
    assert (short.status_code, short.json()["field"]) == (422, "password")


async def test_a_refresh_token_works_once_and_its_second_use_ends_the_sign_in(
    api: Api, anonymous: httpx.AsyncClient
) -> None:
    first = (await anonymous.post("/auth/login", json={"username": "admin", "password": PASSWORD})).json()
    second = await anonymous.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    bearer = {"Authorization": f"Bearer {second.json()['access_token']}"}
    assert (await anonymous.get("/auth/me", headers=bearer)).status_code == 200
    stolen = await anonymous.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert stolen.status_code == 401
    assert (await anonymous.get("/auth/me", headers=bearer)).status_code == 401


async def test_signing_out_ends_the_token(api: Api) -> None:
    assert (await api.client.post("/auth/logout")).status_code == 204
    assert (await api.client.get("/auth/me")).status_code == 401


def _tokens(app: FastAPI, good: str) -> list[str]:
    key = app.state.signing_key
    claims: dict[str, Any] = jwt.get_unverified_claims(good)
    now = int(time.time())
    unsigned = ".".join(["eyJhbGciOiJub25lIn0", good.split(".")[1], ""])
    return [
        unsigned,
        jwt.encode(claims, key, algorithm="HS512"),
        jwt.encode(claims, "another key", algorithm="HS256"),
        jwt.encode({**claims, "exp": now - 60}, key, algorithm="HS256"),
        jwt.encode({**claims, "typ": "page"}, key, algorithm="HS256"),
        jwt.encode({**claims, "aud": "else"}, key, algorithm="HS256"),
        *(
            jwt.encode({k: v for k, v in claims.items() if k != gone}, key, algorithm="HS256")
            for gone in ("exp", "iat", "sub", "aud", "iss", "jti", "sid", "typ")
        ),
        jwt.encode(claims, key, algorithm="HS256", headers={"crit": ["x"]}),
        "x",
        "",
    ]


async def test_it_refuses_every_token_but_its_own(api: Api, anonymous: httpx.AsyncClient) -> None:
    good = api.client.headers["Authorization"].removeprefix("Bearer ")
    for token in _tokens(api.app, good):
        answer = await anonymous.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token
        assert answer.headers["www-authenticate"] == "Bearer"
