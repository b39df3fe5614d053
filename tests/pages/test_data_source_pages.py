"""Data sources: made, tried, changed and deleted in the pages; and chosen in the form of a task."""

from pathlib import Path

from common.services import users
from tests.pages.conftest import NOW, Person
from tests.pages.conftest import PASSWORD as LOGIN
from tests.support.forms import fields
from tests.support.interleave import one_engine

PASSWORD = "p@ss/wörd 密码"
FORM = {"name": "商店", "kind": "mysql", "host": "db.invalid", "database": "shop", "username": "reader", "tls": "off"}


async def source(person: Person, **more: str) -> str:
    """A stored data source; its address."""
    made = await person.post("/ui/data-sources/create", {**FORM, "password": PASSWORD, **more})
    assert made.status_code == 303, made.text
    return str(made.headers["location"])


async def test_it_is_made_tried_changed_and_deleted(alice: Person) -> None:
    assert "No data source yet" in await alice.get("/ui/data-sources")
    url = await source(alice, statement_timeout="30", read_only="true")
    assert "reader@db.invalid:3306/shop" in await alice.get("/ui/data-sources")
    assert "reader@db.invalid:3306/shop" in await alice.get("/ui/data-sources?q=DB.inv")
    assert "No data source like this" in await alice.get("/ui/data-sources?q=warehouse")
    page = await alice.get(url)
    assert "stored, never shown again" in page
    assert "refused: for reading only" in page
    tried = await alice.post(f"{url}/test")
    assert "The host db.invalid is not known." in tried.text
    assert "商店" in tried.text, "without JavaScript it is the whole page"
    part = await alice.post(f"{url}/test", headers={"HX-Request": "true", "Accept-Language": "zh-CN"})
    assert part.text.strip().startswith('<div id="tested"')
    assert "db.invalid" in part.text
    form = fields(await alice.get(f"{url}/edit"), "source-form")
    assert (form["host"], form["password"], form["statement_timeout"]) == ("db.invalid", "", "30")
    moved = await alice.post(f"{url}/update", form | {"host": "other.invalid"})
    assert moved.status_code == 422
    assert "Enter the password again" in moved.text
    assert "other.invalid" in moved.text, "nothing typed is lost"
    assert (await alice.post(f"{url}/update", form | {"description": "of the shop"})).status_code == 303
    assert "of the shop" in await alice.get(url)
    assert PASSWORD not in await alice.get(f"{url}/edit")
    assert "Delete 商店?" in (await alice.post(f"{url}/delete")).text
    gone = await alice.post(f"{url}/delete", {"confirmed": "1"}, headers={"HX-Request": "true"})
    assert gone.headers["HX-Redirect"] == "/ui/data-sources", "from its own page as well"
    assert "No data source yet" in await alice.get("/ui/data-sources")


@one_engine
async def test_what_is_wrong_stands_beside_its_field(alice: Person) -> None:
    for change, said in (
        ({"host": ""}, "Enter the host on which the database runs."),
        ({"port": "x"}, "f-port"),
        ({"kind": "sqlite", "database": "shop.db"}, "beginning with /"),
        ({"kind": "sqlite", "database": "/etc/passwd"}, "ROTA_SQLITE_FOLDERS"),
        ({"host": "169.254.169.254"}, "ROTA_DATA_SOURCE_NETWORKS"),
    ):
        answer = await alice.post("/ui/data-sources/create", {**FORM, "password": PASSWORD, **change})
        assert (answer.status_code, said in answer.text) == (422, True), (change, answer.text)
        assert PASSWORD not in answer.text
    wrong = await alice.post("/ui/data-sources/test", {**FORM, "host": ""}, headers={"HX-Request": "true"})
    assert "Enter the host" in wrong.text


@one_engine
async def test_tasks_choose_them_in_their_forms(alice: Person) -> None:
    number = (await source(alice)).rpartition("/")[2]
    for kind in ("sql", "export"):
        assert f'<option value="{number}">商店 · MySQL</option>' in await alice.get(f"/ui/tasks/create?kind={kind}")
    form = fields(await alice.get("/ui/tasks/create?kind=python"), "task-form")
    program = {"name": "reads", "command": "import rota", "schedule": "manual", "spec_data_source_ids": number}
    made = await alice.post("/ui/tasks/create", form | program)
    assert made.status_code == 303, made.text
    page = await alice.get(f"{made.headers['location']}/edit")
    assert f'name="spec_data_source_ids" value="{number}" checked' in page
    assert "reads" in await alice.get(f"/ui/data-sources/{number}")
    kept = await alice.post(f"/ui/data-sources/{number}/delete", {"confirmed": "1"})
    assert (kept.status_code, "reads" in kept.text) == (409, True)
    missing = await alice.post(
        "/ui/tasks/create",
        fields(await alice.get("/ui/tasks/create?kind=sql"), "task-form") | {"name": "x", "command": "SELECT 1"},
    )
    assert missing.status_code == 422
    assert 'id="n-spec_data_source_id"' in missing.text


@one_engine
async def test_who_may_use_it_only_does_not_change_it(alice: Person) -> None:
    url = await source(alice, scope="everyone")
    for number in range(6):
        spec = {"data_source_id": int(url.rpartition("/")[2])}
        await alice.task(name=f"task {number}", kind="sql", command="SELECT 1", spec=spec)
    page = await alice.get("/ui/data-sources")
    assert "task 4" in page
    assert "task 5" not in page
    assert f'<a href="{url}">…</a>' in page
    assert "task 5" in await alice.get(url)
    async with alice.database.write() as session:
        await users.create(session, "otto", LOGIN, role="operator", now=NOW)
    alice.client.cookies.clear()
    await alice.client.post("/ui/login", data={"username": "otto", "password": LOGIN})
    page = await alice.get(url)
    assert f"{url}/test" in page
    assert f"{url}/edit" not in page
    assert f"{url}/delete" not in page
    await alice.get(f"{url}/edit", 403)
    for action in ("update", "delete"):
        answer = await alice.post(f"{url}/{action}", {**FORM, "password": "x", "confirmed": "1"})
        assert (answer.status_code, "Only administrators" in answer.text) == (403, True)


@one_engine
async def test_a_file_of_sqlite_is_tried(alice: Person, tmp_path: Path) -> None:
    gone = await alice.post("/ui/data-sources/test", {**FORM, "kind": "sqlite", "database": f"{tmp_path}/gone.db"})
    assert gone.status_code == 200
    assert "ROTA_SQLITE_FOLDERS" in gone.text
