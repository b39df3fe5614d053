"""Variables over the API: who sees and changes which, and that a secret never comes back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from common.queries.audit import AuditQuery
from common.services import audit
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support.interleave import one_engine

SECRET = "s3cr3t-value"


@pytest.fixture
async def people(api: Api) -> AsyncIterator[dict[str, Api]]:
    async with signed_in(api.app, "olga:operator", "otto:operator", "vera:viewer") as found:
        yield {**found, "admin": api}


async def variable(person: Api, name: str = "PASSWORD", value: str = SECRET, **fields: Any) -> Any:
    return await person.post("/variables", {"name": name, "value": value, **fields}, 201)


async def test_a_secret_goes_in_and_never_comes_out(api: Api) -> None:
    made = await variable(api, description="of the shop")
    assert (made["value"], made["set"], made["secret"], made["scope"]) == (None, True, True, "own")
    id_ = made["id"]
    answers = [made, await api.get(f"/variables/{id_}"), await api.get("/variables"), await api.get("/audit")]
    changed = await api.client.put(f"/variables/{id_}", json={"value": "another-s3cr3t", "description": "of the bank"})
    answers += [changed.json(), await api.get(f"/variables/{id_}"), await api.get("/audit")]
    for answer in answers:
        assert SECRET not in str(answer)
        assert "another-s3cr3t" not in str(answer)
    assert (await api.get(f"/variables/{id_}"))["description"] == "of the bank"


async def test_a_plain_variable_is_shown_and_may_become_a_secret_but_not_back(api: Api) -> None:
    made = await variable(api, "HOST", "db.example", secret=False)
    assert made["value"] == "db.example"
    url = f"/variables/{made['id']}"
    kept = await api.client.put(url, json={"description": "x"})
    assert kept.json()["value"] == "db.example"
    hidden = await api.client.put(url, json={"secret": True})
    assert (hidden.json()["secret"], hidden.json()["value"]) == (True, None)
    back = await api.client.put(url, json={"secret": False})
    assert (back.status_code, back.json()["field"]) == (422, "secret")


@one_engine
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "1A"}, "name"),
        ({"name": "A B"}, "name"),
        ({"name": "ROTA_X"}, "name"),
        ({"name": "A" * 101}, "name"),
        ({"name": ""}, "name"),
        ({"value": "five5"}, "value"),
        ({"value": "  a  \n b \n"}, "value"),
        ({"value": "x" * 100_001}, "value"),
        ({"value": "ü" * 60_000}, "value"),
        ({"value": "nul\0nul"}, "value"),
        ({"scope": "all"}, "scope"),
        ({"owner_id": 1}, "owner_id"),
    ],
)
async def test_what_is_wrong_is_said_with_the_field_and_without_the_value(
    api: Api, fields: dict[str, Any], field: str
) -> None:
    body = {"name": "PASSWORD", "value": SECRET, **fields}
    answer = await api.client.post("/variables", json=body)
    assert answer.status_code == 422
    assert answer.json()["field"].endswith(field)
    assert SECRET not in answer.text
    assert body["value"] not in answer.text


async def test_a_name_is_taken_once_in_its_scope(people: dict[str, Api]) -> None:
    await variable(people["olga"])
    again = await people["olga"].client.post("/variables", json={"name": "PASSWORD", "value": SECRET})
    assert (again.status_code, again.json()["field"]) == (409, "name")
    await variable(people["otto"])
    await variable(people["admin"], scope="everyone")
    assert (await people["olga"].get("/variables"))["total"] == 2


async def test_people_see_their_own_and_everyones(people: dict[str, Api]) -> None:
    own = (await variable(people["olga"]))["id"]
    shared = (await variable(people["admin"], "HOST", "db.example", scope="everyone", secret=False))["id"]
    for name, expected in (("olga", {own, shared}), ("otto", {shared}), ("vera", set()), ("admin", {own, shared})):
        assert {item["id"] for item in (await people[name].get("/variables"))["items"]} == expected, name
    for method in ("GET", "PUT", "DELETE"):
        foreign = await people["otto"].client.request(method, f"/variables/{own}", json={})
        missing = await people["otto"].client.request(method, "/variables/987654321", json={})
        assert (foreign.status_code, foreign.text.replace(str(own), "987654321")) == (404, missing.text), method
    assert (await people["otto"].client.put(f"/variables/{shared}", json={"value": "evil"})).status_code == 403
    assert (await people["otto"].client.delete(f"/variables/{shared}")).status_code == 403
    body = {"name": "X", "value": SECRET, "scope": "everyone"}
    assert (await people["otto"].client.post("/variables", json=body)).status_code == 403
    assert (await people["vera"].client.post("/variables", json=body | {"scope": "own"})).status_code == 403


async def test_a_task_is_given_only_what_whoever_edits_it_may_use(people: dict[str, Api]) -> None:
    await variable(people["olga"])
    refused = await people["otto"].client.post(
        "/tasks", json={"name": "thief", "command": "echo $PASSWORD", "variables": ["PASSWORD"]}
    )
    assert (refused.status_code, refused.json()["field"]) == (422, "variables")
    task = await people["olga"].task(variables=["PASSWORD"])
    assert task["variables"] == ["PASSWORD"]
    bare = await people["olga"].task(name="bare")
    for each in (task, bare):
        shares = {"shares": [{"user": "otto", "right": "edit"}]}
        assert (await people["olga"].client.put(f"/tasks/{each['id']}/shares", json=shares)).status_code == 200
    # Whoever edits a task keeps what it was given; what they may not use they cannot give to another.
    kept = await people["otto"].client.patch(
        f"/tasks/{task['id']}", json={"variables": ["PASSWORD"], "description": "x"}
    )
    assert kept.json()["variables"] == ["PASSWORD"], kept.text
    stolen = await people["otto"].client.patch(f"/tasks/{bare['id']}", json={"variables": ["PASSWORD"]})
    assert (stolen.status_code, stolen.json()["field"]) == (422, "variables")


async def test_own_goes_before_everyones(people: dict[str, Api]) -> None:
    shared = await variable(people["admin"], "HOST", "everyones", scope="everyone", secret=False)
    own = await variable(people["olga"], "HOST", "olgas", secret=False)
    task = await people["olga"].task(variables=["HOST"])
    used = [item["id"] for item in (await people["olga"].get(f"/variables/{own['id']}"))["used_by"]]
    assert used == [task["id"]]
    assert (await people["admin"].get(f"/variables/{shared['id']}"))["used_by"] == []


async def test_a_variable_in_use_is_not_deleted_by_the_way(people: dict[str, Api]) -> None:
    id_ = (await variable(people["admin"], scope="everyone"))["id"]
    task = await people["olga"].task(name="nightly", variables=["PASSWORD"])
    refused = await people["admin"].client.delete(f"/variables/{id_}")
    assert refused.status_code == 409
    assert "1 tasks use this variable: nightly." in refused.json()["detail"]
    assert (await people["otto"].get(f"/variables/{id_}"))["used_by"] == []
    assert (await people["admin"].client.delete(f"/variables/{id_}", params={"force": True})).status_code == 200
    edited = await people["olga"].client.patch(f"/tasks/{task['id']}", json={"description": "x"})
    assert edited.status_code == 200
    await variable(people["olga"])
    relinked = await people["olga"].client.patch(f"/tasks/{task['id']}", json={"variables": ["PASSWORD"]})
    assert relinked.json()["variables"] == ["PASSWORD"]
    assert len((await people["olga"].get("/variables"))["items"][0]["used_by"]) == 1


async def test_a_name_stands_in_the_environment_once(api: Api) -> None:
    await variable(api)
    body = {"name": "x", "command": "true", "env": {"PASSWORD": "x"}, "variables": ["PASSWORD"]}
    answer = await api.client.post("/tasks", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "variables")
    task = await api.task(variables=["PASSWORD"])
    answer = await api.client.patch(f"/tasks/{task['id']}", json={"env": {"PASSWORD": "x"}})
    assert (answer.status_code, answer.json()["field"]) == (422, "variables")


async def test_what_was_done_is_in_the_audit_log(api: Api) -> None:
    id_ = (await variable(api))["id"]
    await api.client.put(f"/variables/{id_}", json={"value": "another-s3cr3t"})
    await api.client.delete(f"/variables/{id_}")
    pieces = [rows async for rows in audit.every(api.database, AuditQuery())]
    found = [(row.action, row.object_name) for rows in pieces for row in rows if row.object_kind == "variable"]
    assert found == [(f"variable.{verb}", "PASSWORD") for verb in ("delete", "update", "create")]


async def test_a_machine_without_the_key_says_so_and_the_rest_works(api: Api) -> None:
    keyring = api.app.state.keyring
    kept = keyring.path.read_text()
    id_ = (await variable(api))["id"]
    try:
        keyring.path.write_text("nonsense")
        refused = await api.client.put(f"/variables/{id_}", json={"value": "another-s3cr3t"})
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:rota:key-missing")
        assert (await api.get("/variables"))["total"] == 1
    finally:
        keyring.path.write_text(kept)
