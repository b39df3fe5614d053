"""Whose task it is, whom it is shared with, and what each of them may do."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import bindparam, text, update

from common.db import migrate
from common.db.models import User, table_of
from common.db.session import Database
from common.db.types import UtcDateTime
from common.domain.permissions import NOBODY, Actor, Right
from common.queries.tasks import TaskQuery
from common.services import tasks
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support.interleave import one_engine
from tests.support.world import NOW

U = table_of(User)


@pytest.fixture
async def people(api: Api) -> AsyncIterator[dict[str, Api]]:
    async with signed_in(api.app, "olga:operator", "otto:operator", "vera:viewer") as found:
        yield {**found, "admin": api}


async def share(owner: Api, task: int, *shares: dict[str, str], expect: int = 200) -> dict[str, object]:
    answer = await owner.client.put(f"/tasks/{task}/shares", json={"shares": list(shares)})
    assert answer.status_code == expect, answer.text
    found: dict[str, object] = answer.json()
    return found


async def names(person: Api) -> list[str]:
    return [each["name"] for each in (await person.get("/tasks"))["items"]]


async def test_a_task_is_its_owners_until_it_is_shared(people: dict[str, Api]) -> None:
    olga, otto, vera = people["olga"], people["otto"], people["vera"]
    task = (await olga.task(name="hers"))["id"]
    assert await names(otto) == await names(vera) == []
    assert await names(people["admin"]) == await names(olga) == ["hers"]
    assert (await otto.get("/status"))["tasks"] == 0
    foreign = await otto.client.get(f"/tasks/{task}")
    missing = await otto.client.get(f"/tasks/{task + 1}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace(str(task), "N") == missing.text.replace(str(task + 1), "N")

    await share(olga, task, {"user": "otto", "right": "view"})
    assert await names(otto) == ["hers"]
    assert (await otto.client.post(f"/tasks/{task}/run")).status_code == 403
    await share(olga, task, {"user": "OTTO", "right": "run"})
    assert (await otto.client.post(f"/tasks/{task}/run")).status_code == 202
    assert (await otto.client.patch(f"/tasks/{task}", json={"name": "his"})).status_code == 403
    await share(olga, task, {"user": "otto", "right": "edit"})
    assert (await otto.client.patch(f"/tasks/{task}", json={"name": "theirs"})).status_code == 200
    assert (await otto.client.delete(f"/tasks/{task}")).status_code == 403
    assert (await otto.client.get(f"/tasks/{task}/shares")).status_code == 403
    await share(olga, task)
    assert await names(otto) == []


async def test_a_team_has_what_is_shared_with_it(people: dict[str, Api]) -> None:
    olga, otto, vera, admin = people["olga"], people["otto"], people["vera"], people["admin"]
    team = await admin.post("/teams", {"name": "Reports", "members": ["olga", "Vera"]}, 201)
    assert team["members"] == ["olga", "vera"]
    task = (await olga.task(name="report"))["id"]
    await share(olga, task, {"team": "reports", "right": "edit"})
    assert await names(vera) == ["report"]
    assert await names(otto) == []
    assert (await vera.client.post(f"/tasks/{task}/run")).status_code == 403  # a viewer looks, whatever is shared
    assert (await otto.client.get(f"/teams/{team['id']}")).status_code == 404
    assert (await vera.get("/teams"))["total"] == 1
    assert (await vera.client.patch(f"/teams/{team['id']}", json={"members": ["vera"]})).status_code == 403
    await admin.post("/teams", {"name": "Taken"}, 201)
    taken = await admin.client.patch(f"/teams/{team['id']}", json={"name": "TAKEN"})
    assert (taken.status_code, taken.json()["field"]) == (409, "name")
    answer = await admin.client.patch(f"/teams/{team['id']}", json={"members": ["otto"]})
    assert answer.json()["members"] == ["otto"]
    assert await names(vera) == []
    assert (await otto.client.post(f"/tasks/{task}/run")).status_code == 202
    assert (await admin.client.delete(f"/teams/{team['id']}")).status_code == 200
    assert await names(otto) == []


async def test_the_best_of_several_shares_counts(people: dict[str, Api]) -> None:
    olga, otto, admin = people["olga"], people["otto"], people["admin"]
    await admin.post("/teams", {"name": "A", "members": ["otto", "olga"]}, 201)
    await admin.post("/teams", {"name": "B", "members": ["otto", "olga"]}, 201)
    task = (await olga.task())["id"]
    await share(olga, task, {"team": "A", "right": "view"}, {"team": "B", "right": "run"}, {"user": "otto"})
    assert (await otto.client.post(f"/tasks/{task}/run")).status_code == 202
    assert (await otto.get("/tasks"))["total"] == 1


async def test_giving_a_task_away(people: dict[str, Api]) -> None:
    olga, otto = people["olga"], people["otto"]
    task = (await olga.task())["id"]
    assert (await otto.client.put(f"/tasks/{task}/owner", json={"owner": "otto"})).status_code == 404
    answer = await olga.client.put(f"/tasks/{task}/owner", json={"owner": "nobody"})
    assert (answer.status_code, answer.json()["field"]) == (422, "owner")
    assert (await olga.client.put(f"/tasks/{task}/owner", json={"owner": "otto"})).status_code == 200
    assert await names(olga) == []
    assert (await otto.client.delete(f"/tasks/{task}")).status_code == 200


@one_engine
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"user": "nobody"}, "shares.0.user"),
        ({"team": "Not mine"}, "shares.0.team"),
        ({"user": "otto", "team": "Not mine"}, "shares.0"),
        ({}, "shares.0"),
        ({"user": "otto", "right": "own"}, "shares.0.right"),
    ],
)
async def test_a_wrong_share_names_its_place(people: dict[str, Api], wrong: dict[str, str], field: str) -> None:
    await people["admin"].post("/teams", {"name": "Not mine", "members": []}, 201)
    task = (await people["olga"].task())["id"]
    assert (await share(people["olga"], task, wrong, expect=422))["field"] == field


async def test_executions_output_and_counts_follow_the_task(people: dict[str, Api]) -> None:
    olga, otto = people["olga"], people["otto"]
    task = (await olga.task(tags=["secret-tag"]))["id"]
    run = (await olga.post(f"/tasks/{task}/run", status=202))["execution_id"]
    assert (await otto.get("/executions"))["total"] == 0
    assert (await otto.get("/status"))["queued"] == 0
    assert (await otto.get("/executions", search="hello"))["total"] == 0
    for path in (f"/executions/{run}", f"/executions/{run}/output/download", f"/tasks/{task}/logs"):
        assert (await otto.client.get(path)).status_code == 404, path
    assert (await otto.client.post(f"/executions/{run}/stop")).status_code == 404
    for verb, more in (("delete", {}), ("tags", {"add": ["mine"]})):
        bulk = await otto.post(f"/tasks/bulk/{verb}", {"ids": [task], **more})
        assert bulk["failed"] == 1
    assert (await otto.post("/downtime/run", {"execution_ids": [run]}))["failed"] == 1
    assert (await olga.get("/status"))["queued"] == 1
    await share(olga, task, {"user": "otto"})
    assert (await otto.get(f"/executions/{run}"))["id"] == run
    assert (await otto.client.post(f"/executions/{run}/stop")).status_code == 403


async def test_the_forecast_shows_what_one_may_see(people: dict[str, Api]) -> None:
    await people["olga"].task(cron="*/5 * * * *")
    assert (await people["otto"].get("/schedule/forecast"))["total"] == 0
    assert (await people["olga"].get("/schedule/forecast"))["total"] > 0


async def test_a_calendar_says_where_it_is_used_only_to_those_who_may_see_it(people: dict[str, Api]) -> None:
    calendar = await people["otto"].post("/calendars", {"name": "Off", "kind": "dates", "dates": ["2026-12-31"]}, 201)
    item = {"expr": "0 8 * * *", "calendar": "Off"}
    await people["olga"].task(name="hush", schedules=[item])
    refused = await people["otto"].client.delete(f"/calendars/{calendar['id']}")
    assert refused.status_code == 409
    assert "hush" not in refused.text
    assert "hush" in (await people["olga"].client.delete(f"/calendars/{calendar['id']}")).text


async def test_who_may_have_code_run_is_a_permission_of_its_own(people: dict[str, Api]) -> None:
    olga, otto = people["olga"], people["otto"]
    task = (await olga.task())["id"]
    await share(olga, task, {"user": "otto", "right": "edit"})
    async with olga.database.write() as session:
        await session.execute(update(U).where(U.c.username == "otto").values(may_create_code=False))
    assert (await otto.client.post("/tasks", json={"name": "x", "command": "id"})).status_code == 403
    for change in ({"command": "id"}, {"env": {"LD_PRELOAD": "x"}}, {"args": ["x"]}, {"cwd": "/tmp"}, {"queue": "q"}):
        assert (await otto.client.patch(f"/tasks/{task}", json=change)).status_code == 403, change
    for harmless in ({"name": "new"}, {"cron": "0 1 * * *"}, {"command": "echo hello"}, {"enabled": False}):
        assert (await otto.client.patch(f"/tasks/{task}", json=harmless)).status_code == 200, harmless
    async with olga.database.write() as session:
        await session.execute(update(U).where(U.c.username == "admin").values(may_create_code=False))
    await people["admin"].task()


async def test_what_happened_stands_in_the_log_with_who_and_what_was_refused(people: dict[str, Api]) -> None:
    olga, otto, admin = people["olga"], people["otto"], people["admin"]
    task = (await olga.task(name="hers"))["id"]
    await olga.client.patch(f"/tasks/{task}", json={"command": "echo s3cret", "cron": "0 1 * * *"})
    await share(olga, task, {"user": "otto"})
    await olga.post(f"/tasks/{task}/run", status=202)
    await otto.client.post(f"/tasks/{task}/run")
    await otto.client.delete("/tasks/4711")
    await otto.post("/tasks/bulk/pause", {"ids": [task]})
    await olga.post("/tasks/bulk/pause", {"ids": [task]})
    items = (await admin.get("/audit"))["items"]
    told = [(each["actor"], each["action"], each["object_id"], each["outcome"]) for each in items if each["object_id"]]
    assert [each for each in reversed(told) if each[1] not in ("signin", "user.create")] == [
        ("olga", "task.create", str(task), "done"),
        ("olga", "task.update", str(task), "done"),
        ("olga", "task.share", str(task), "done"),
        ("olga", "task.run", str(task), "done"),
        ("otto", "request", str(task), "refused"),
        ("otto", "request", "4711", "refused"),
        ("otto", "request", str(task), "refused"),
        ("olga", "task.pause", str(task), "done"),
    ]
    update_entry = next(each for each in items if each["action"] == "task.update")
    assert update_entry["details"] == {"fields": ["command", "schedules"]}
    assert (update_entry["via"], update_entry["address"]) == ("api", "127.0.0.1")
    assert "s3cret" not in str(items)
    assert (await otto.client.get("/audit")).status_code == 403


async def test_nothing_vanishes_for_anybody_when_sharing_comes(empty_database_url: str) -> None:
    """Tasks of before are shared with a team of everybody; an installation of one administrator gets no such team."""
    await migrate.upgrade(empty_database_url, "0002")
    database = Database(empty_database_url)
    async with database.write() as session:
        for name, role in (("admin", "administrator"), ("olga", "operator"), ("vera", "viewer")):
            await session.execute(
                text(
                    "INSERT INTO users (username, username_key, password_hash, role, is_active, created_at)"
                    " VALUES (:name, :name, 'x', :role, :yes, :now)"
                ).bindparams(bindparam("now", type_=UtcDateTime())),
                {"name": name, "role": role, "yes": True, "now": NOW},
            )
        await session.execute(
            text(
                "INSERT INTO tasks (name, description, kind, command, spec, tags, queue, priority, retries,"
                " retry_delay, retry_backoff, concurrency, delivery, misfire_policy, enabled, created_at, updated_at)"
                " VALUES ('old', '', 'shell', 'true', '{}', '[]', 'default', 50, 0, 60, 1, 'skip', 'at_most_once',"
                " 'latest', :yes, :now, :now)"
            ).bindparams(bindparam("now", type_=UtcDateTime())),
            {"yes": True, "now": NOW},
        )
    await migrate.upgrade(empty_database_url)
    rights = {}
    for number, role in enumerate(("administrator", "operator", "viewer"), start=1):
        async with database.on_behalf_of(Actor(number, "", role)).read() as session:
            (view,), total = await tasks.list_page(session, TaskQuery())
            rights[role] = view.right
            assert total == 1
    assert rights == {"administrator": Right.OWN, "operator": Right.EDIT, "viewer": Right.VIEW}
    async with database.on_behalf_of(NOBODY).read() as session:
        assert await tasks.list_page(session, TaskQuery()) == ([], 0)
    await database.dispose()
