"""People of every role, signed in over the API, for attacks by one on what is another's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from common.clock import Clock
from common.db.session import Database
from common.services import users
from tests.api.conftest import PASSWORD, Api


@asynccontextmanager
async def signed_in(app: FastAPI, *people: str) -> AsyncIterator[dict[str, Api]]:
    """A client for each of "olga:operator", "vera:viewer"; keyed by name."""
    database: Database = app.state.database
    async with AsyncExitStack() as stack:
        found = {}
        for person in people:
            name, role = person.split(":")
            async with database.write() as session:
                await users.create(session, name, PASSWORD, role=role, now=await Clock().now(session))
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://rota.test")
            )
            answer = await client.post("/auth/login", json={"username": name, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            found[name] = Api(client, app)
        yield found
