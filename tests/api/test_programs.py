"""Programs over the API: upload, versions, what changed, who may use and change which."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from common.db.models import Task
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support.world import NOW

FIRST = "import sys\n\nprint('你好')\nsys.exit(0)\n"
SECOND = "import sys\n\nprint('再见')\nprint(sys.argv)\nsys.exit(0)\n"


@pytest.fixture
async def people(api: Api) -> AsyncIterator[dict[str, Api]]:
    async with signed_in(api.app, "olga:operator", "otto:operator", "vera:viewer") as found:
        yield {**found, "admin": api}


async def program(person: Api, name: str = "report.py", source: str = FIRST, **fields: Any) -> Any:
    return await person.post("/programs", {"name": name, "source": source, **fields}, 201)


async def task_that_runs(api: Api, program_id: int, **fields: Any) -> int:
    async with api.database.write() as session:
        row = Task(
            name=fields.pop("name", "nightly"),
            command="",
            kind="python",
            spec={"kind": {"program_id": program_id}},
            created_at=NOW,
            updated_at=NOW,
            **fields,
        )
        session.add(row)
        await session.flush()
    assert row.id is not None
    return row.id


async def test_every_save_is_a_version_and_an_old_one_comes_back(api: Api) -> None:
    made = await program(api, description="daily", note="first")
    assert (made["version"], made["warnings"], made["size"]) == (1, [], len(FIRST.encode()))
    url = f"/programs/{made['id']}"
    changed = await api.client.put(url, json={"source": SECOND, "note": "says goodbye", "version": 1})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    same = await api.client.put(url, json={"source": SECOND, "description": "nightly"})
    assert (same.json()["version"], same.json()["description"]) == (2, "nightly")
    late = await api.client.put(url, json={"source": FIRST, "version": 1})
    assert (late.status_code, late.json()["field"]) == (409, "version")
    listed = await api.get(f"{url}/versions")
    assert [(each["number"], each["note"], each["created_by"]) for each in listed["items"]] == [
        (2, "says goodbye", "admin"),
        (1, "first", "admin"),
    ]
    assert (await api.get(f"{url}/versions/1"))["source"] == FIRST
    diff = await api.get(f"{url}/diff", old=1, new=2)
    assert [(line["kind"], line["old"], line["new"], line["text"]) for line in diff["lines"]] == [
        ("same", 1, 1, "import sys"),
        ("same", 2, 2, ""),
        ("removed", 3, None, "print('你好')"),
        ("added", None, 3, "print('再见')"),
        ("added", None, 4, "print(sys.argv)"),
        ("same", 4, 5, "sys.exit(0)"),
    ]
    assert diff["unified"].splitlines()[:3] == ["--- version 1", "+++ version 2", "@@ -1,4 +1,5 @@"]
    restored = await api.post(f"{url}/versions/1/restore")
    assert restored["version"] == 3
    assert (await api.get(f"{url}/versions/3"))["source"] == FIRST
    file = await api.client.get(f"{url}/source")
    assert file.text == FIRST
    assert 'filename="report.py"' in file.headers["content-disposition"]
    for missing in ("versions/9", "diff?old=1&new=9", "versions/9/restore"):
        method = "POST" if missing.endswith("restore") else "GET"
        assert (await api.client.request(method, f"{url}/{missing}")).status_code == 404, missing


async def test_what_does_not_compile_is_saved_and_named_with_its_line(api: Api) -> None:
    made = await program(api, "broken.py", "x = 1\nif x\n    print(x)\n")
    assert [(each["line"], each["message"]) for each in made["warnings"]] == [(2, "expected ':'")]
    assert (await api.get(f"/programs/{made['id']}"))["warnings"] == []
    deep = await api.client.put(f"/programs/{made['id']}", json={"source": "(" * 50_000})
    assert deep.status_code == 200
    assert deep.json()["warnings"]
    null = await api.client.post("/programs", json={"name": "n.py", "source": "print(1)\0"})
    assert (null.status_code, null.json()["field"]) == (422, "source")


async def test_a_file_is_uploaded_and_uploaded_again(api: Api) -> None:
    async def upload(data: bytes, file: str, **fields: Any) -> Any:
        return await api.client.post("/programs/upload", files={"file": (file, data)}, data=fields)

    first = await upload(b"\xef\xbb\xbf" + FIRST.replace("\n", "\r\n").encode(), "C:\\jobs\\日报.py")
    assert (first.status_code, first.json()["name"]) == (201, "日报.py"), first.text
    assert (await api.get(f"/programs/{first.json()['id']}/versions/1"))["source"] == FIRST
    again = await upload(SECOND.encode(), "日报.py")
    assert (again.status_code, again.json()["field"]) == (409, "name")
    replaced = await upload(SECOND.encode(), "日报.py", replace="true", note="by CI")
    assert (replaced.json()["id"], replaced.json()["version"]) == (first.json()["id"], 2)
    other = await upload(SECOND.encode(), "x.py", name="other.py", replace="true")
    assert (other.json()["name"], other.json()["version"]) == ("other.py", 1)
    for data, name, field in (
        (b"\xff\xfe\x00", "a.py", "file"),
        (b"x" * 1_000_001, "a.py", "file"),
        (b"print(1)\0", "a.py", "file"),
        (b"print(1)", "..", "name"),
    ):
        refused = await upload(data, name)
        assert (refused.status_code, refused.json()["field"]) == (422, field), (name, refused.text)
    missing = await api.client.post("/programs/upload", data={"name": "x"})
    assert missing.status_code == 422


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b.py"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"source": "x" * 200_000 * 6}, "source"),
        ({"source": 5}, "source"),
        ({"scope": "all"}, "scope"),
        ({"owner_id": 1}, "owner_id"),
        ({"version": 7}, "version"),
    ],
)
async def test_what_is_wrong_is_said_with_the_field(api: Api, fields: dict[str, Any], field: str) -> None:
    answer = await api.client.post("/programs", json={"name": "a.py", "source": FIRST, **fields})
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_people_see_their_own_and_everyones(people: dict[str, Api]) -> None:
    own = (await program(people["olga"]))["id"]
    shared = (await program(people["admin"], "house.py", scope="everyone"))["id"]
    for name, expected in (("olga", {own, shared}), ("otto", {shared}), ("vera", set()), ("admin", {own, shared})):
        assert {item["id"] for item in (await people[name].get("/programs"))["items"]} == expected, name
    paths = ("", "/versions", "/versions/1", "/source", "/diff?old=1&new=1")
    for method, path in [
        *(("GET", path) for path in paths),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/versions/1/restore"),
    ]:
        foreign = await people["otto"].client.request(method, f"/programs/{own}{path}", json={})
        missing = await people["otto"].client.request(method, f"/programs/987654321{path}", json={})
        told = foreign.text.replace(f"/programs/{own}", "/programs/987654321").replace(f" {own}.", " 987654321.")
        assert (foreign.status_code, told) == (404, missing.text), (method, path)
    assert (await people["otto"].client.put(f"/programs/{shared}", json={"source": "evil"})).status_code == 403
    assert (await people["otto"].client.post(f"/programs/{shared}/versions/1/restore")).status_code == 403
    assert (await people["otto"].client.delete(f"/programs/{shared}")).status_code == 403
    body = {"name": "x.py", "source": FIRST, "scope": "everyone"}
    assert (await people["otto"].client.post("/programs", json=body)).status_code == 403
    assert (await people["vera"].client.post("/programs", json=body | {"scope": "own"})).status_code == 403
    # A name is its owner's: otto may have a report.py too, and replaces no other's by uploading.
    files = {"file": ("report.py", b"print(1)")}
    made = await people["otto"].client.post("/programs/upload", files=files, data={"replace": "true"})
    assert made.status_code == 201
    assert made.json()["id"] != own


async def test_whoever_may_not_create_code_saves_no_program(people: dict[str, Api]) -> None:
    made = (await program(people["olga"]))["id"]
    olga = (await people["olga"].get("/auth/me"))["id"]
    changed = await people["admin"].client.patch(f"/users/{olga}", json={"may_create_code": False})
    if changed.status_code == 405:
        changed = await people["admin"].client.put(f"/users/{olga}", json={"may_create_code": False})
    assert changed.status_code == 200, changed.text
    client = people["olga"].client
    assert (await client.post("/programs", json={"name": "x.py", "source": FIRST})).status_code == 403
    assert (await client.post("/programs/upload", files={"file": ("x.py", b"1")})).status_code == 403
    assert (await client.put(f"/programs/{made}", json={"source": SECOND})).status_code == 403
    assert (await client.get(f"/programs/{made}")).status_code == 200


async def test_a_program_in_use_is_not_deleted_by_the_way(people: dict[str, Api]) -> None:
    id_ = (await program(people["admin"], scope="everyone"))["id"]
    olga = (await people["olga"].get("/auth/me"))["id"]
    await task_that_runs(people["admin"], id_, owner_id=olga)
    assert [each["name"] for each in (await people["olga"].get(f"/programs/{id_}"))["used_by"]] == ["nightly"]
    assert (await people["otto"].get(f"/programs/{id_}"))["used_by"] == []
    refused = await people["admin"].client.delete(f"/programs/{id_}")
    assert refused.status_code == 409
    assert "1 tasks run this program: nightly." in refused.json()["detail"]
    assert (await people["admin"].client.delete(f"/programs/{id_}", params={"force": True})).status_code == 200
    assert (await people["admin"].client.get(f"/programs/{id_}")).status_code == 404
    entries = (await people["admin"].get("/audit"))["items"]
    actions = [each["action"] for each in entries if each["action"].startswith("program.")]
    assert actions == ["program.delete", "program.create"]
