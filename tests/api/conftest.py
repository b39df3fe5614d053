"""An application over a fresh database, an administrator, and clients."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.live import Live
from common.clock import Clock
from common.config import Settings
from common.db.session import Database
from common.services import users
from common.services.memory import Memory

PASSWORD = "correct horse battery staple"


@dataclass
class Api:
    """A signed-in client with the shortcuts tests need."""

    client: httpx.AsyncClient
    app: FastAPI

    async def get(self, path: str, expect: int = 200, /, **params: Any) -> Any:
        answer = await self.client.get(path, params=params)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int | None = None, **options: Any) -> Any:
        answer = await self.client.post(path, **({"json": body} if body is not None else {}), **options)
        assert answer.status_code == status if status else answer.is_success, answer.text
        return answer.json()

    async def task(self, **fields: Any) -> Any:
        """A new task; `echo hello` by hand unless told otherwise."""
        return await self.post("/tasks", {"name": "hello", "command": "echo hello", **fields}, 201)

    @property
    def database(self) -> Database:
        found: Database = self.app.state.database
        return found


@pytest.fixture(scope="session")
def routes(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The application, built once: its two hundred routes take longer than most tests."""
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("api")))


@pytest.fixture
async def app(routes: FastAPI, database: Database) -> FastAPI:
    """The application over this test's database."""
    routes.state.database = database
    routes.state.memory = Memory()
    routes.state.live = Live(database)
    routes.state.settings = Settings(data_dir=routes.state.settings.data_dir)
    return routes


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://rota.test") as client:
        yield client


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[Api]:
    database: Database = app.state.database
    async with database.write() as session:
        await users.create(session, "admin", PASSWORD, role="administrator", now=await Clock().now(session))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://rota.test") as client:
        answer = await client.post("/auth/login", data={"username": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield Api(client, app)
