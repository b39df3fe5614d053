"""People for tests of sign-in: users with a role, clients with a token or a key."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp

from common.clock import Clock
from common.services import users
from tests.api.conftest import PASSWORD, Api


async def add(api: Api, username: str, role: str = "viewer", **fields: Any) -> int:
    """A user with PASSWORD; gives the id. `fields` are columns."""
    async with api.database.write() as session:
        user = await users.create(session, username, PASSWORD, role=role, now=await Clock().now(session))
        for name, value in fields.items():
            setattr(user, name, value)
    assert user.id is not None
    return user.id


@asynccontextmanager
async def client(api: Api, token: str = "", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application; with a token it sends it."""
    given = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://rota.test", headers={**given, **headers}
    ) as made:
        yield made


async def log_in(api: Api, username: str = "admin", password: str = PASSWORD, **fields: str) -> httpx.Response:
    """Try to sign in."""
    async with client(api) as anonymous:
        return await anonymous.post("/auth/login", json={"username": username, "password": password, **fields})


@asynccontextmanager
async def signed_in(api: Api, username: str = "admin", password: str = PASSWORD, **fields: str) -> AsyncIterator[Api]:
    """Somebody who has signed in."""
    answer = await log_in(api, username, password, **fields)
    assert answer.status_code == 200, answer.text
    async with client(api, answer.json()["access_token"]) as made:
        yield Api(made, api.app)


@dataclass(frozen=True)
class Phone:
    """An authenticator app, and the code with which it was switched on."""

    secret: str
    used: str

    def code(self, steps: int = 1) -> str:
        """The code of the time step after this one, which counts already; that of this one may have been used."""
        return str(pyotp.TOTP(self.secret).at(int(time.time()) + 30 * steps))


async def enable_totp(person: Api) -> tuple[Phone, list[str]]:
    """Switch the second factor on; gives the phone and the recovery codes."""
    secret = (await person.post("/auth/totp"))["secret"]
    code = pyotp.TOTP(secret).now()
    answer = await person.client.put("/auth/totp", json={"secret": secret, "code": code, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return Phone(secret, code), answer.json()["recovery_codes"]
