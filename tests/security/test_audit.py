"""The audit log: what it says, that it cannot be changed, and what leaves the house."""

import csv
import io
import json
import re
from datetime import timedelta

import httpx

from common.clock import Clock
from common.db.session import Database
from common.queries import audit as queries
from common.queries.audit import AuditQuery
from common.services import audit
from common.services.audit import Thing
from scheduler.prune import Prune
from tests.api.conftest import Api
from tests.support.world import NOW, StillClock
from tests.test_style import PRODUCT, name, none, without


async def write(database: Database, count: int, **values: object) -> None:
    async with database.write() as session:
        for number in range(count):
            thing = Thing("task", number, f"=cmd|'/c calc'!A{number}")
            await audit.record(session, "task.create", thing, now=NOW + timedelta(seconds=number))


async def test_it_is_paged_by_id_and_filtered(api: Api) -> None:
    await write(api.database, 5)
    first = await api.get("/audit", action="task.create", page_size=3)
    assert [each["object_id"] for each in first["items"]] == ["4", "3", "2"]
    second = await api.get("/audit", action="task.create", page_size=3, before=first["next"])
    assert [each["object_id"] for each in second["items"]] == ["1", "0"]
    assert second["next"] is None
    assert len((await api.get("/audit", object_kind="task", object_id="3"))["items"]) == 1
    assert (await api.get("/audit", actor="nobody of this name"))["items"] == []
    since = (NOW + timedelta(seconds=4)).isoformat()
    assert len((await api.get("/audit", action="task.create", since=since))["items"]) == 1


async def test_an_export_has_every_entry_and_no_formula(api: Api) -> None:
    await write(api.database, 1005)
    answer = await api.client.get("/audit/export", params={"action": "task.create"})
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["object_id"] for row in rows] == [str(number) for number in reversed(range(1005))]
    assert all(row["object_name"].startswith("'=") for row in rows)
    answer = await api.client.get("/audit/export", params={"format": "json", "action": "task.create"})
    assert len(json.loads(answer.text)) == 1005
    nothing = await api.client.get("/audit/export", params={"format": "json", "actor": "nobody"})
    assert nothing.json() == []


async def test_what_is_past_its_age_goes_and_nothing_else(database: Database) -> None:
    await write(database, 2)
    prune = Prune(database, StillClock(NOW + timedelta(days=30, seconds=1)), 100, 90, audit_days=30)
    await prune.tick()
    async with database.read() as session:
        kept = await queries.page(session, AuditQuery(), limit=10)
    assert [row.object_id for row in kept] == ["1"]


async def test_a_rolled_back_change_leaves_no_entry(database: Database) -> None:
    try:
        async with database.write() as session:
            await audit.record(session, "task.create", now=await Clock().now(session))
            raise LookupError
    except LookupError:
        pass
    async with database.read() as session:
        assert await queries.page(session, AuditQuery(), limit=10) == []


def test_nothing_but_pruning_changes_or_deletes_an_entry() -> None:
    writes = re.compile(r"\b(update|delete)\(\s*(Audit|L|audit\w*\.L|table_of\(Audit\))\b")
    none([name(path) for path in without(PRODUCT, "scheduler/prune.py") if writes.search(path.read_text("utf-8"))])
    knows = [name(path) for path in PRODUCT if re.search(r"import .*\bAudit\b", path.read_text("utf-8"))]
    assert sorted(knows) == ["common/db/models/__init__.py", "common/queries/audit.py", "scheduler/prune.py"]


async def test_whoever_is_not_signed_in_fills_no_log(api: Api, anonymous: httpx.AsyncClient) -> None:
    before = len((await api.get("/audit"))["items"])
    for path in ("/tasks", "/tasks/1", "/audit"):
        assert (await anonymous.post(path)).status_code in (401, 405)
    assert len((await api.get("/audit"))["items"]) == before
