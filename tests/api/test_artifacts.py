"""Files of executions over the API: lists, downloads, links that need no sign-in, the end of both."""

import asyncio
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from sqlalchemy import func, insert, select, update

from common.artifacts.folder import FolderStore
from common.artifacts.store import Missing, StoreError, key_of
from common.clock import Clock
from common.db.models import Artifact, table_of
from common.db.session import Database
from common.queue import history
from scheduler.prune import Prune
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support.world import add_executions

R = table_of(Artifact)
NAME = "订单 2026-03.xlsx"


@pytest.fixture
def store(api: Api, tmp_path: Path) -> FolderStore:
    found = FolderStore(tmp_path / "artifacts")
    api.app.state.store = found
    return found


async def now_of(database: Database) -> datetime:
    async with database.read() as session:
        return await Clock().now(session)


async def add_file(
    database: Database,
    store: FolderStore,
    execution_id: int,
    task_id: int,
    name: str = NAME,
    content: bytes = b"PK\x03\x04",
    *,
    days: float = 30,
    number: int = 0,
    **values: Any,
) -> int:
    """A file as a worker leaves it; gives its id."""
    key = key_of(execution_id, 1, number)
    store.put(key, io.BytesIO(content))
    now = await now_of(database)
    row = {
        "execution_id": execution_id,
        "token": 1,
        "task_id": task_id,
        "name": name,
        "media_type": "text/csv",
        "size": len(content),
        "sha256": "0" * 64,
        "store_key": key,
        "created_at": now,
        "expires_at": now + timedelta(days=days),
    } | values
    async with database.write() as session:
        made = await session.execute(insert(R).values(**row))
        return int(made.inserted_primary_key[0])  # type: ignore[attr-defined]


@pytest.fixture
async def file(api: Api, store: FolderStore) -> dict[str, int]:
    task = (await api.task(name="报表"))["id"]
    (execution,) = await add_executions(api.database, task)
    return {
        "task": task,
        "execution": execution,
        "id": await add_file(api.database, store, execution, task),
    }


async def test_files_are_listed_with_their_sizes_and_found_by_name(
    api: Api, store: FolderStore, file: dict[str, int]
) -> None:
    for number in range(1, 4):
        name = f"part {number}.csv"
        await add_file(api.database, store, file["execution"], file["task"], name, b"x" * number, number=number)
    (first, *_) = await api.get(f"/executions/{file['execution']}/artifacts")
    assert first["name"] == "part 1.csv"
    assert set(first) == {
        "id", "execution_id", "attempt", "task_id", "name", "media_type", "size", "sha256", "created_at", "expires_at",
        "linked", "url",
    }  # fmt: skip
    page = await api.get("/artifacts", limit=3)
    assert [item["name"] for item in page["items"]] == ["part 3.csv", "part 2.csv", "part 1.csv"]
    assert (page["total"], page["total_size"], page["items"][0]["task_name"]) == (4, 10, "报表")
    rest = await api.get("/artifacts", limit=3, before=page["next"])
    assert [item["name"] for item in rest["items"]] == [NAME]
    assert rest["next"] is None
    assert [item["name"] for item in (await api.get("/artifacts", search="订单"))["items"]] == [NAME]
    assert (await api.get("/artifacts", task_id=file["task"] + 1))["items"] == []


async def test_a_download_is_a_download_whatever_is_in_it(api: Api, store: FolderStore, file: dict[str, int]) -> None:
    answer = await api.client.get(f"/artifacts/{file['id']}")
    assert answer.status_code == 200
    assert answer.content == b"PK\x03\x04"
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"2026-03.xlsx\"; filename*=UTF-8''{quote(NAME, safe='')}"
    )
    assert answer.headers["content-length"] == "4"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["cache-control"] == "no-store"
    large = b"0123456789" * 300_000
    other = await add_file(
        api.database,
        store,
        file["execution"],
        file["task"],
        'a/../"x";\r\n.html',
        large,
        number=1,
        media_type="text/html",
    )
    answer = await api.client.get(f"/api/artifacts/{other}")
    assert answer.content == large
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert "\n" not in answer.headers["content-disposition"]


async def test_who_reads_the_database_cannot_make_links(
    api: Api, anonymous: httpx.AsyncClient, file: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = urlsplit((await api.post(f"/artifacts/{file['id']}/link"))["url"]).path
    assert (await anonymous.get(path)).status_code == 200
    monkeypatch.setitem(api.app.state._state, "signing_key", "another one, of as many characters")
    assert (await anonymous.get(path)).status_code == 404


async def test_a_link_works_without_a_sign_in_until_it_expires(
    api: Api, anonymous: httpx.AsyncClient, file: dict[str, int]
) -> None:
    before = await now_of(api.database)
    made = await api.post(f"/artifacts/{file['id']}/link", {"hours": 2})
    until = datetime.fromisoformat(made["expires_at"])
    assert timedelta(hours=1.99) < until - before < timedelta(hours=2.01)
    assert made["url"].startswith(f"http://rota.test/files/{file['id']}/{int(until.timestamp())}/")
    path = urlsplit(made["url"]).path
    answer = await anonymous.get(path)
    assert (answer.status_code, answer.content) == (200, b"PK\x03\x04")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "set-cookie" not in answer.headers
    assert (await api.get(f"/executions/{file['execution']}/artifacts"))[0]["linked"] is True
    (entry,) = (await api.get("/audit", action="artifact.link"))["items"]
    assert (entry["object_kind"], entry["object_id"], entry["object_name"]) == ("artifact", str(file["id"]), NAME)
    assert path.rpartition("/")[2] not in str(entry)


async def test_a_link_that_was_changed_in_any_way_does_not_work(
    api: Api, anonymous: httpx.AsyncClient, store: FolderStore, file: dict[str, int]
) -> None:
    other = await add_file(api.database, store, file["execution"], file["task"], "other", number=1)
    made = await api.post(f"/artifacts/{file['id']}/link")
    await api.post(f"/artifacts/{other}/link")
    _, _, ident, expires, signature = urlsplit(made["url"]).path.split("/")
    changed = [
        (ident, str(int(expires) + 1), signature),
        (ident, expires, signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")),
        (ident, expires, signature[:-1]),
        (ident, expires, signature.upper()),
        (ident, expires, "é"),
        (str(other), expires, signature),
        ("987654321", expires, signature),
        (ident, "1", signature),
    ]
    answers = [await anonymous.get("/files/" + "/".join(quote(part) for part in parts)) for parts in changed]
    assert [answer.status_code for answer in answers] == [404] * len(changed)
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert (await anonymous.get(f"/files/{ident}/{expires}/{signature}")).status_code == 200


async def test_no_link_lives_longer_than_its_file_or_the_setting_allows(
    api: Api, anonymous: httpx.AsyncClient, store: FolderStore, file: dict[str, int]
) -> None:
    api.app.state.settings = api.app.state.settings.model_copy(update={"link_days": 3})
    now = await now_of(api.database)
    made = await api.post(f"/artifacts/{file['id']}/link", {"hours": 87_600})
    assert datetime.fromisoformat(made["expires_at"]) - now < timedelta(days=3, minutes=1)
    short = await add_file(api.database, store, file["execution"], file["task"], "short", days=0.5, number=1)
    made = await api.post(f"/artifacts/{short}/link")
    assert datetime.fromisoformat(made["expires_at"]) - now < timedelta(days=0.51)
    async with api.database.write() as session:
        await session.execute(update(R).where(R.c.id == short).values(expires_at=now))
    assert (await anonymous.get(urlsplit(made["url"]).path)).status_code == 404
    assert (await api.client.get(f"/artifacts/{short}")).status_code == 404
    for hours in (0, -1, "x", 1e9):
        assert (await api.client.post(f"/artifacts/{file['id']}/link", json={"hours": hours})).status_code == 422


async def test_ending_the_links_ends_all_of_them_at_once_and_new_ones_work(
    api: Api, anonymous: httpx.AsyncClient, file: dict[str, int]
) -> None:
    paths = [urlsplit((await api.post(f"/artifacts/{file['id']}/link", {"hours": h}))["url"]).path for h in (1, 2)]
    assert [(await anonymous.get(path)).status_code for path in paths] == [200, 200]
    assert (await api.client.delete(f"/artifacts/{file['id']}/link")).status_code == 200
    assert [(await anonymous.get(path)).status_code for path in paths] == [404, 404]
    again = urlsplit((await api.post(f"/artifacts/{file['id']}/link", {"hours": 1}))["url"]).path
    assert [(await anonymous.get(path)).status_code for path in (again, *paths)] == [200, 404, 404]


async def test_files_go_by_the_rights_on_their_task(api: Api, file: dict[str, int]) -> None:
    async with signed_in(api.app, "vera:viewer", "otto:operator", "li:operator") as people:
        shares = [{"user": "vera", "right": "view"}, {"user": "otto", "right": "run"}]
        answer = await api.client.put(f"/tasks/{file['task']}/shares", json={"shares": shares})
        assert answer.status_code == 200, answer.text
        look, link, end = f"/artifacts/{file['id']}", f"/artifacts/{file['id']}/link", f"/artifacts/{file['id']}"
        expected = {"vera": (200, 403, 403), "otto": (200, 200, 403), "li": (404, 404, 404)}
        for name, statuses in expected.items():
            client = people[name].client
            found = (
                (await client.get(look)).status_code,
                (await client.post(link)).status_code,
                (await client.delete(end)).status_code,
            )
            assert found == statuses, name
            listed = (await client.get("/artifacts")).json()
            assert (listed["total"], len(listed["items"])) == ((0, 0) if name == "li" else (1, 1))


async def test_a_store_that_lost_it_or_does_not_answer_says_so(
    api: Api, store: FolderStore, file: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.delete(key_of(file["execution"], 1, 0))
    answer = await api.client.get(f"/artifacts/{file['id']}")
    assert (answer.status_code, "store does not have" in answer.json()["detail"]) == (404, True)
    assert "/artifacts" not in answer.json()["detail"]

    def away(self: FolderStore, key: str) -> Any:
        raise StoreError(f"{self.place}: broken")

    monkeypatch.setattr(FolderStore, "open", away)
    answer = await api.client.get(f"/artifacts/{file['id']}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_what_is_deleted_or_expired_goes_from_the_store_then_from_the_table(
    api: Api, store: FolderStore, file: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await add_file(api.database, store, file["execution"], file["task"], "kept", number=1)
    prune = Prune(api.database, Clock(), 100, 3650, store=store)
    await prune.tick()
    assert (await api.get("/artifacts"))["total"] == 2
    assert (await api.client.delete(f"/artifacts/{file['id']}")).status_code == 200
    assert [item["id"] for item in (await api.get("/artifacts"))["items"]] == [kept]
    with monkeypatch.context() as patched:

        def away(self: FolderStore, key: str) -> None:
            raise StoreError("away")

        patched.setattr(FolderStore, "delete", away)
        await prune.tick()
        assert await rows(api.database) == 2
    await prune.tick()
    assert await rows(api.database) == 1
    with pytest.raises(Missing):
        store.open(key_of(file["execution"], 1, 0))
    assert b"".join(store.open(key_of(file["execution"], 1, 1))) == b"PK\x03\x04"
    async with api.database.write() as session:
        await history.delete_executions(session, [file["execution"]])
    assert (await api.client.get(f"/artifacts/{kept}")).status_code == 404
    await prune.tick()
    assert await rows(api.database) == 0
    assert await asyncio.to_thread(lambda: [path for path in Path(store.place[7:]).rglob("*") if path.is_file()]) == []


async def rows(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(R)) or 0
