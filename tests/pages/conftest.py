"""The application on a database of its own, and people who look at it."""

import itertools
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from common.db.models import Attempt, Execution, table_of
from common.db.session import Database
from common.services import tasks, users
from common.services.inputs import TaskInput
from tests.api.conftest import app, routes

__all__ = ["app", "routes"]

PASSWORD = "correct horse battery"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def database_kind() -> str:
    """Pages are the same on every engine; tests/db proves the engines."""
    return "sqlite"


def just_now() -> datetime:
    """For signs of life: NOW may be a minute old when the machine is busy."""
    return datetime.now(UTC)


#: No two executions of a test have the same key.
_KEYS = itertools.count()


@dataclass
class Person:
    """Somebody with a browser that knows no JavaScript."""

    client: httpx.AsyncClient
    database: Database
    user_id: int | None = None

    async def get(self, url: str, status: int = 200, *, lang: str = "en") -> str:
        answer = await self.client.get(url, headers={"Accept-Language": lang})
        assert answer.status_code == status, answer.text[:2000]
        return answer.text

    async def post(
        self, url: str, data: dict[str, Any] | None = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a form as the page would, with the token that the page carries."""
        return await self.client.post(url, data={"_csrf": await self.token(), **(data or {})}, headers=headers)

    async def token(self) -> str:
        found = re.search(r'name="_csrf" value="([0-9a-f]+)"', (await self.client.get("/ui/workers")).text)
        return found[1] if found else ""

    async def task(self, **values: Any) -> int:
        """A task of theirs that is stored already."""
        data = TaskInput.model_validate({"name": "测试任务", "command": "echo hello", "cron": "*/5 * * * *", **values})
        async with self.database.write() as session:
            task = await tasks.create(session, data, owner_id=self.user_id, now=NOW)
        assert task.id is not None
        return task.id

    async def execution(self, task_id: int, status: str = "success", **values: Any) -> int:
        """An execution that is stored already; by default it took 3.1 s."""
        row = {
            "task_id": task_id,
            "fire_key": f"t:{next(_KEYS)}",
            "run_id": "r",
            "trigger": "cron",
            "triggered_by": "",
            "scheduled_for": NOW,
            "available_at": NOW,
            "created_at": NOW,
            "status": status,
            "token": 1,
            "started_at": NOW,
            "finished_at": NOW + timedelta(seconds=3.1),
            "stdout": "",
            "stderr": "",
            **values,
        }
        async with self.database.write() as session:
            done = await session.execute(insert(table_of(Execution)).values(**row))
            return int(done.inserted_primary_key[0])  # type: ignore[attr-defined]

    async def attempts(self, execution_id: int, rows: Sequence[dict[str, Any]]) -> None:
        async with self.database.write() as session:
            for row in rows:
                await session.execute(insert(table_of(Attempt)).values(execution_id=execution_id, **row))


@pytest.fixture
async def stranger(app: FastAPI, database: Database) -> AsyncIterator[Person]:
    """Nobody has signed in."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://rota.test") as client:
        yield Person(client, database)


async def _sign_in(person: Person, name: str, role: str) -> Person:
    async with person.database.write() as session:
        person.user_id = (await users.create(session, name, PASSWORD, role=role, now=NOW)).id
    answer = await person.client.post("/ui/login", data={"username": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return person


@pytest.fixture
async def alice(stranger: Person) -> Person:
    """Alice is an administrator."""
    return await _sign_in(stranger, "alice", "administrator")


@pytest.fixture
async def victor(stranger: Person) -> Person:
    """Victor may look, not change."""
    return await _sign_in(stranger, "victor", "viewer")
