"""Uploads over the API: kept as they come, given only to those they are for, gone when they are deleted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.artifacts.folder import FolderStore
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support.interleave import one_engine

DATA = "编号,名称\r\n1,茶\r\n".encode()


@pytest.fixture
def store(api: Api, tmp_path: Path) -> FolderStore:
    made = FolderStore(tmp_path)
    api.app.state.store = made
    return made


@pytest.fixture
async def people(api: Api, store: FolderStore) -> AsyncIterator[dict[str, Api]]:
    async with signed_in(api.app, "olga:operator", "otto:operator", "vera:viewer") as found:
        yield {**found, "admin": api}


async def upload(person: Api, data: bytes = DATA, name: str = "订单.csv", **query: Any) -> Any:
    answer = await person.client.post("/uploads", content=data, params={"name": name, **query})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_file_is_kept_listed_read_and_deleted(api: Api, store: FolderStore, tmp_path: Path) -> None:
    made = await upload(api, name=r"C:\Users\me\订单.csv")
    assert (made["name"], made["size"], made["scope"], made["used_by"]) == ("订单.csv", len(DATA), "own", [])
    answer = await api.client.get(made["url"])
    assert (answer.content, answer.headers["content-disposition"].startswith("attachment")) == (DATA, True)
    assert [each["id"] for each in (await api.get("/uploads", search="订"))["items"]] == [made["id"]]
    assert (await api.client.delete(f"/uploads/{made['id']}")).status_code == 200
    assert (await api.client.get(f"/uploads/{made['id']}")).status_code == 404
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_whose_it_is_decides_who_reads_it(people: dict[str, Api]) -> None:
    own = await upload(people["olga"])
    shared = await upload(people["admin"], scope="everyone")
    assert [each["id"] for each in (await people["otto"].get("/uploads"))["items"]] == [shared["id"]]
    for path in (f"/uploads/{own['id']}", own["url"]):
        assert (await people["otto"].client.get(path)).status_code == 404
    assert (await people["otto"].client.delete(f"/uploads/{shared['id']}")).status_code == 403
    assert (await people["olga"].client.post("/uploads?scope=everyone", content=DATA)).status_code == 403
    assert (await people["vera"].client.post("/uploads", content=DATA)).status_code == 403


async def test_a_task_is_given_only_files_that_its_maker_may_read(people: dict[str, Api]) -> None:
    own = await upload(people["olga"])
    fields = {"name": "brings", "kind": "import", "command": "orders"}
    sources = {}
    for name in ("olga", "otto"):
        made = await people[name].post("/data-sources", {"name": "shop", "kind": "mysql", "host": "db.invalid"}, 201)
        sources[name] = {"data_source_id": made["id"]}
    spec = {**sources["olga"], "upload_id": own["id"]}
    task = await people["olga"].post("/tasks", {**fields, "spec": spec}, 201)
    used = await people["olga"].client.delete(f"/uploads/{own['id']}")
    assert (used.status_code, "brings" in used.json()["detail"]) == (409, True)
    for more, field in (
        ({"upload_id": own["id"]}, "spec.upload_id"),
        ({"task_id": task["id"]}, "spec.task_id"),
        ({}, "spec"),
        ({"path": "/srv/x", "upload_id": own["id"]}, "spec"),
        ({"path": "/srv/x", "mode": "upsert"}, "spec"),
    ):
        refused = await people["otto"].client.post("/tasks", json={**fields, "spec": {**sources["otto"], **more}})
        assert (refused.status_code, refused.json()["field"]) == (422, field), refused.text


@one_engine
async def test_what_is_no_file_is_refused_and_leaves_nothing(api: Api, store: FolderStore, tmp_path: Path) -> None:
    api.app.state.settings = api.app.state.settings.model_copy(update={"upload_limit": 100})
    for data, name, field in (
        (b"", "x.csv", "file"),
        (b"x", "..", "name"),
        (b"x", 'a"b', "name"),
        (b"x" * 101, "x", "file"),
    ):
        answer = await api.client.post("/uploads", content=data, params={"name": name})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
