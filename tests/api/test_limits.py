"""Limits of a task, and the user it runs as."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update

from tests.api import people
from tests.api.conftest import Api
from tests.support.interleave import one_engine
from tests.support.world import T

pytestmark = one_engine


async def test_limits_are_kept_as_numbers_and_shown(api: Api) -> None:
    task = await api.task(limits={"memory": "512MB", "cpu": 60, "nice": 5})
    expected = {"memory": 512_000_000, "cpu": 60, "processes": None, "files": None, "nice": 5}
    assert task["limits"] == expected
    renamed = (await api.client.put(f"/tasks/{task['id']}", json={"name": "other"})).json()
    assert renamed["limits"] == expected
    changed = (await api.client.put(f"/tasks/{task['id']}", json={"limits": {"memory": "1.5GiB"}})).json()
    assert changed["limits"] == dict.fromkeys(expected) | {"memory": 3 << 29}
    nothing: tuple[dict[str, int] | None, ...] = (None, {})
    for none in nothing:
        cleared = (await api.client.put(f"/tasks/{task['id']}", json={"limits": none})).json()
        assert cleared["limits"] is None


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"memory": "lots"}, "limits.memory"),
        ({"memory": "10kB"}, "limits.memory"),
        ({"memory": True}, "limits.memory"),
        ({"cpu": 0}, "limits.cpu"),
        ({"processes": -1}, "limits.processes"),
        ({"files": 2}, "limits.files"),
        ({"nice": 20}, "limits.nice"),
        ({"nice": -21}, "limits.nice"),
        ({"gpu": 1}, "limits.gpu"),
    ],
)
async def test_a_bad_limit_is_named(api: Api, limits: dict[str, Any], field: str) -> None:
    problem = await api.post("/tasks", {"name": "x", "command": "true", "limits": limits}, 422)
    assert problem["field"] == field


@pytest.fixture
async def bob(api: Api) -> AsyncIterator[Api]:
    """An operator who may create tasks that run code."""
    await people.add(api, "bob", "operator", may_create_code=True)
    async with people.signed_in(api, "bob") as made:
        yield made


async def test_only_administrators_say_as_whom_a_task_runs(api: Api, bob: Api) -> None:
    assert (await api.task(run_as="www-data"))["run_as"] == "www-data"
    refused = await bob.post("/tasks", {"name": "x", "command": "id", "run_as": "root"}, 403)
    assert refused["field"] == "run_as"
    own = await bob.task()
    answer = await bob.client.put(f"/tasks/{own['id']}", json={"run_as": "root"})
    assert (answer.status_code, answer.json()["field"]) == (403, "run_as")


async def test_what_runs_as_a_named_user_is_changed_by_administrators_only(api: Api, bob: Api) -> None:
    task = await api.task(run_as="www-data")
    async with api.database.write() as session:
        owner = (await bob.get("/auth/me"))["id"]
        await session.execute(update(T).where(T.c.id == task["id"]).values(owner_id=owner))
    url = f"/tasks/{task['id']}"
    assert (await bob.client.put(url, json={"name": "renamed", "timeout": 5})).json()["run_as"] == "www-data"
    for field, value in (("command", "id"), ("env", {"A": "1"}), ("args", ["x"]), ("cwd", "/tmp"), ("queue", "other")):
        answer = await bob.client.put(url, json={field: value})
        assert (answer.status_code, answer.json()["field"]) == (403, field)
    assert (await bob.client.put(url, json={"run_as": None})).json()["field"] == "run_as"
    assert (await api.client.put(url, json={"command": "id"})).json()["command"] == "id"


@pytest.mark.parametrize("name", ["", "a b", "-x", "root;id", "x" * 33])
async def test_a_name_that_is_none_is_refused(api: Api, name: str) -> None:
    assert (await api.post("/tasks", {"name": "x", "command": "true", "run_as": name}, 422))["field"] == "run_as"
