"""Versions of tasks: written with each change, compared, gone back to, and noted by what ran them."""

from typing import Any

from common.domain.permissions import SYSTEM
from common.services import tasks, versions
from common.services.inputs import TaskPatch
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support import world
from tests.support.world import NOW, claim


async def change(api: Api, task_id: int, **fields: Any) -> Any:
    answer = await api.client.put(f"/tasks/{task_id}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_change_is_a_version_and_says_what_differs(api: Api) -> None:
    made = await api.task(command="echo one\necho two", cron="0 2 * * *", env={"A": "1"}, timeout=60)
    url = f"/tasks/{made['id']}/versions"
    assert made["version"] == 1
    assert (await change(api, made["id"], command="echo one\necho three", env={"A": "1", "B": "2"}))["version"] == 2
    assert (await change(api, made["id"], cron="0 3 * * *", timeout=90))["version"] == 3
    listed = await api.get(url)
    assert [(row["version"], row["author"], row["fields"]) for row in listed["items"]] == [
        (3, "admin", ["timeout", "schedules"]),
        (2, "admin", ["command", "env"]),
        (1, "admin", []),
    ]
    first = (await api.get(f"{url}/1"))["definition"]
    assert (first["command"], first["env"], first["schedules"][0]["expr"]) == (
        "echo one\necho two",
        {"A": "1"},
        "0 2 * * *",
    )
    newest = await api.get(f"{url}/3/diff")
    assert [(each["field"], each["before"], each["after"]) for each in newest["changes"]][:1] == [("timeout", 60, 90)]
    both = await api.get(f"{url}/3/diff", against=1)
    assert [each["field"] for each in both["changes"]] == ["command", "timeout", "env.B", "schedules"]
    assert (await api.get(f"{url}/1/diff"))["changes"] == []
    await api.get(f"{url}/9", 404)


async def test_what_changes_nothing_or_only_pauses_is_no_version(api: Api) -> None:
    made = await api.task(cron="0 2 * * *")
    await change(api, made["id"], command=made["command"], cron="0 2 * * *")
    await change(api, made["id"], enabled=False)
    await api.post(f"/tasks/{made['id']}/toggle")
    assert (await api.get(f"/tasks/{made['id']}"))["version"] == 1
    refused = await api.client.put(f"/tasks/{made['id']}", json={"command": "false", "cron": "99 * * * *"})
    assert refused.status_code == 422
    assert (await api.get(f"/tasks/{made['id']}/versions"))["total"] == 1


async def test_going_back_to_a_version_is_a_new_one_and_keeps_the_pause(api: Api) -> None:
    made = await api.task(command="echo good", cron="0 2 * * *", env={"A": "1"}, tags=["x"], timeout=60)
    await change(api, made["id"], command="echo bad", schedules=[{"kind": "interval", "expr": "5m"}], env={}, tags=[])
    await change(api, made["id"], enabled=False)
    back = await api.post(f"/tasks/{made['id']}/versions/1/restore")
    assert (back["version"], back["command"], back["cron"], back["env"], back["tags"], back["enabled"]) == (
        3,
        "echo good",
        "0 2 * * *",
        {"A": "1"},
        ["x"],
        False,
    )
    assert (await api.get(f"/tasks/{made['id']}/versions/3/diff", against=1))["changes"] == []


async def test_the_versions_of_a_task_go_with_the_right_to_see_it(api: Api) -> None:
    made = await api.task()
    async with signed_in(api.app, "otto:operator") as people:
        for path in ("versions", "versions/1", "versions/1/diff"):
            await people["otto"].get(f"/tasks/{made['id']}/{path}", 404)
        refused = await people["otto"].client.post(f"/tasks/{made['id']}/versions/1/restore")
        assert refused.status_code == 404


async def test_a_task_older_than_versions_gets_its_first_with_its_next_change(api: Api) -> None:
    task_id = await world.add_task(api.database, name="old", command="echo old")
    assert [row["version"] for row in (await api.get(f"/tasks/{task_id}/versions"))["items"]] == [1]
    assert (await api.get(f"/tasks/{task_id}/versions/1"))["definition"]["command"] == "echo old"
    await change(api, task_id, command="echo new")
    listed = (await api.get(f"/tasks/{task_id}/versions"))["items"]
    assert [(row["version"], row["author"], row["fields"]) for row in listed] == [
        (2, "admin", ["command"]),
        (1, "", []),
    ]
    assert (await api.get(f"/tasks/{task_id}/versions/1"))["definition"]["command"] == "echo old"


async def test_only_the_newest_versions_are_kept(api: Api) -> None:
    made = await api.task()
    async with api.database.on_behalf_of(SYSTEM).write() as session:
        for number in range(versions.KEPT + 2):
            await tasks.update(session, made["id"], TaskPatch(description=str(number)), now=NOW)
    listed = await api.get(f"/tasks/{made['id']}/versions", page_size=500)
    assert (listed["total"], listed["items"][-1]["version"]) == (versions.KEPT, 4)


async def test_an_execution_says_which_version_it_ran(api: Api) -> None:
    made = await api.task(command="echo one")
    await change(api, made["id"], command="echo two")
    run = await api.post(f"/tasks/{made['id']}/run")
    execution = f"/executions/{run['execution_id']}"
    assert (await api.get(execution))["version"] is None
    (claimed,) = await claim(api.database, now=world.after(10**9))
    assert (claimed.version, claimed.command) == (2, "echo two")
    await change(api, made["id"], command="echo three")
    assert (await api.get(execution))["version"] == 2
