"""What an office asks for, once by its pages and once by its API, against real databases.

A query as a workbook every Monday, a script that is all or nothing, a query that would run for ever.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sheets.readers import READERS
from tests.support.eventually import eventually_sync
from tests.support.forms import fields
from tests.support.rota_process import PASSWORD, Rota, running
from tests.support.shop import Shop
from tests.worker.kinds.test_export_live import JOIN, same
from tests.worker.kinds.test_sql import RUNNING, SLEEP

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def rota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rota]:
    with running(tmp_path_factory.mktemp("data"), sqlite_folders="/") as process:
        yield process


@pytest.fixture
def shop_kind(way: "Way") -> str:
    """One server for each way; tests/worker/kinds does the same on every engine."""
    return "postgresql" if isinstance(way, ByApi) else "mysql"


class Way(ABC):
    """One of the ways to Rota."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    @abstractmethod
    def source(self, shop: Shop) -> int:
        """Create a data source that leads to the shop, and try it; its id."""

    @abstractmethod
    def run(self, kind: str, command: str, spec: Mapping[str, Any], cron: str = "") -> str:
        """Create a task, run it, and wait until it has ended; the address of its execution."""

    @abstractmethod
    def told(self, execution: str) -> str:
        """All that is said of an execution."""

    @abstractmethod
    def file(self, execution: str) -> bytes:
        """The file that it left."""

    @abstractmethod
    def upload(self, data: bytes, name: str) -> int:
        """Bring a file; the id of the upload."""


class ByApi(Way):
    """As curl does it."""

    def source(self, shop: Shop) -> int:
        made = self.client.post("/data-sources", json=shop.values(name=str(shop.url.database))).raise_for_status()
        assert self.client.post(f"/data-sources/{made.json()['id']}/test").json()["ok"]
        return int(made.json()["id"])

    def run(self, kind: str, command: str, spec: Mapping[str, Any], cron: str = "") -> str:
        body = {"name": f"by api: {kind}", "kind": kind, "command": command, "spec": spec}
        task = self.client.post("/tasks", json=body | ({"cron": cron} if cron else {})).raise_for_status().json()
        assert not cron or "T09:00:00" in task["next_run_at"]
        execution = self.client.post(f"/tasks/{task['id']}/run").raise_for_status().json()["id"]

        def ended() -> None:
            assert self.client.get(f"/executions/{execution}").json()["status"] in ("success", "failed")

        eventually_sync(ended, interval=0.1)
        return f"/executions/{execution}"

    def told(self, execution: str) -> str:
        found = self.client.get(execution).raise_for_status().json()
        return f"{found['status']} {found['stderr']} {found['report']}"

    def file(self, execution: str) -> bytes:
        (file,) = self.client.get(f"{execution}/artifacts").raise_for_status().json()
        return self.client.get(file["url"]).raise_for_status().content

    def upload(self, data: bytes, name: str) -> int:
        return int(self.client.post("/uploads", content=data, params={"name": name}).raise_for_status().json()["id"])


class ByPage(Way):
    """As somebody does it whose browser knows no JavaScript."""

    def _sent(self, page: str, form_id: str, values: Mapping[str, object], to: str = "") -> httpx.Response:
        """Fill in the form of a page, and send it."""
        form = fields(self.client.get(page).text, form_id)
        typed = {name: str(value) for name, value in values.items()}
        assert form.keys() >= typed.keys(), typed.keys() - form.keys()
        return self.client.post(to or page, data=form | typed)

    def source(self, shop: Shop) -> int:
        values = shop.values(name=f"{shop.url.database} page")
        tried = self._sent("/ui/data-sources/create", "source-form", values, to="/ui/data-sources/test")
        assert "answered in" in tried.text, tried.text
        made = self._sent("/ui/data-sources/create", "source-form", values)
        assert made.status_code == 303, made.text
        assert str(shop.url.password) not in self.client.get(f"{made.headers['location']}/edit").text
        return int(made.headers["location"].rpartition("/")[2])

    def run(self, kind: str, command: str, spec: Mapping[str, Any], cron: str = "") -> str:
        when = {"schedule": "cron", "cron": cron} if cron else {"schedule": "manual"}
        values = {f"spec_{name}": value for name, value in spec.items() if name != "parameters"}
        if "parameters" in spec:
            values["spec_parameters"] = "\n".join(f"{name}={value}" for name, value in spec["parameters"].items())
        told = {"name": f"by page: {kind}", "command": command, **when, **values}
        made = self._sent(f"/ui/tasks/create?kind={kind}", "task-form", told, to="/ui/tasks/create")
        assert made.status_code == 303, made.text
        token = fields(self.client.get("/ui/data-sources/create").text, "source-form")["_csrf"]
        run = self.client.post(f"{made.headers['location']}/run", data={"_csrf": token, "confirmed": "true"})
        assert run.status_code == 303, run.text
        execution = ""

        def ended() -> None:
            nonlocal execution
            found = re.search(
                r'href="(/ui/executions/\d+)"', self.client.get(f"{made.headers['location']}/executions").text
            )
            assert found
            execution = found[1]
            assert re.search(r"<h1[^>]*>.*?(Success in|Failed)", self.client.get(execution).text, re.S)

        eventually_sync(ended, interval=0.1)
        return execution

    def told(self, execution: str) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.client.get(execution).text))

    def file(self, execution: str) -> bytes:
        found = re.search(r'href="(/artifacts/\d+)"', self.client.get(execution).text)
        assert found
        return self.client.get(found[1]).raise_for_status().content

    def upload(self, data: bytes, name: str) -> int:
        token = fields(self.client.get("/ui/data-sources/create").text, "source-form")["_csrf"]
        made = self.client.post("/ui/uploads", data={"_csrf": token}, files={"file": (name, data)})
        assert made.status_code == 303, made.text
        found = re.search(rf'href="/uploads/(\d+)/content">{name}<', self.client.get("/ui/uploads").text)
        assert found
        return int(found[1])


@pytest.fixture(params=["api", "page"])
def way(request: pytest.FixtureRequest, rota: Rota) -> Iterator[Way]:
    if request.param == "api":
        with rota.client() as client:
            yield ByApi(client)
        return
    with httpx.Client(base_url=rota.url, headers={"Origin": rota.url, "Accept-Language": "en"}, timeout=60) as browser:
        browser.post("/ui/login", data={"username": "admin", "password": PASSWORD})
        yield ByPage(browser)


async def test_a_weekly_export_of_three_tables_arrives_as_a_correct_workbook(
    shop: Shop, way: Way, tmp_path: Path
) -> None:
    spec = {"data_source_id": way.source(shop), "parameters": {"least": 2}, "sheet": "订单"}
    execution = way.run("export", JOIN.format(least=":least"), spec, cron="0 9 * * 1")
    file = tmp_path / "weekly.xlsx"
    file.write_bytes(way.file(execution))
    wanted = shop.rows(JOIN.format(least=2))
    for reader in READERS.values():
        ((sheet, (_header, *rows)),) = reader(file).items()
        assert (sheet, len(rows)) == ("订单", len(wanted))
        for cells, expected in zip(rows, wanted, strict=True):
            assert all(same(cell, value) for cell, value in zip(cells, expected, strict=True)), (cells, expected)


async def test_a_script_of_two_hundred_statements_is_all_or_nothing(shop: Shop, way: Way) -> None:
    insert = "INSERT INTO products VALUES ({n}, 'NEW-{n}', '新品', 1.00, NULL);"
    lines = [insert.format(n=100 + n) for n in range(200)]
    lines[149] = insert.format(n=1)  # there is one already
    before = shop.rows("SELECT * FROM products ORDER BY id")
    told = way.told(way.run("sql", "\n".join(lines), {"data_source_id": way.source(shop)}))
    assert "statement 150 (line 150)" in told
    assert "rolled back" in told
    assert shop.rows("SELECT * FROM products ORDER BY id") == before


async def test_a_query_that_would_run_for_ever_is_ended_on_the_server(shop: Shop, way: Way) -> None:
    spec = {"data_source_id": way.source(shop), "statement_timeout": 2}
    seen, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            if shop.rows(RUNNING[shop.kind]) == [(1,)]:
                seen.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        told = way.told(way.run("sql", SLEEP[shop.kind], spec))
    finally:
        over.set()
        watcher.join()
    assert "took longer than 2 s and was cancelled" in told
    assert seen.is_set(), "the server ran it"
    assert shop.rows(RUNNING[shop.kind]) == [(0,)]


async def test_an_export_that_is_imported_and_exported_again_is_the_same(shop: Shop, way: Way, tmp_path: Path) -> None:
    source = {"data_source_id": way.source(shop)}
    query = "SELECT * FROM customers ORDER BY id"
    first = tmp_path / "first.xlsx"
    first.write_bytes(way.file(way.run("export", query, source)))
    shop.execute("CREATE TABLE customers_again AS SELECT * FROM customers WHERE 1 = 0")
    upload = way.upload(first.read_bytes(), f"{shop.url.database}-{type(way).__name__}.xlsx")
    told = way.told(way.run("import", "customers_again", {**source, "upload_id": upload}))
    assert "committed" in told
    again = tmp_path / "again.xlsx"
    again.write_bytes(way.file(way.run("export", query.replace("customers", "customers_again"), source)))
    for reader in READERS.values():
        assert list(reader(again).values()) == list(reader(first).values())
    assert shop.rows("SELECT * FROM customers_again ORDER BY id") == shop.rows(query)
