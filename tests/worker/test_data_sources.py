"""Data sources in real runs: Python programs query the shop, and what they may not do is refused."""

from typing import Any

from common.db.models import metadata
from common.domain.states import Status
from common.queries import executions
from common.services import data_sources
from tests.support.dump import everything
from tests.support.interleave import one_engine
from tests.support.shop import Shop
from tests.worker.rig import FILES, Rig

pytestmark = one_engine

#: A task as the second source document has them: ask the shop, work through what it says, write back.
REPORT = """
import rota

paid = rota.query(
    "商店",
    "SELECT c.city, COUNT(*) AS n FROM orders o JOIN customers c ON c.id = o.customer_id"
    " WHERE o.status = :status AND o.remark IS NOT NULL GROUP BY c.city ORDER BY n DESC, c.city",
    status="paid",
)
for number, row in enumerate(paid, 1):
    rota.progress(number, len(paid), unit="cities")
    print(row["city"], row["n"])
with rota.transaction("商店") as run:
    changed = run("UPDATE orders SET remark = :remark WHERE status = :status", remark="100% 已付 🚀", status="paid")
try:
    with rota.transaction() as run:
        run("DELETE FROM order_items")
        raise KeyError("changed my mind")
except KeyError:
    pass
rota.result(cities=len(paid), changed=changed, items=rota.query(None, "SELECT COUNT(*) AS n FROM order_items")[0]["n"])
"""


async def python(rig: Rig, program: str, source_id: int, **values: Any) -> int:
    return await rig.run_command(program, kind="python", spec={"data_source_ids": [source_id]}, **values)


async def report(rig: Rig, execution_id: int) -> Any:
    async with rig.database.read() as session:
        return await executions.report(session, execution_id)


async def test_a_program_works_with_the_data_sources_of_its_task(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    source_id = await rig.source(shop)
    before = shop.rows("SELECT COUNT(*) FROM order_items")[0][0]
    execution_id = await python(rig, REPORT, source_id)
    row = await rig.until(execution_id)
    out, err = await rig.text(execution_id)
    assert row.status == Status.SUCCESS, err
    expected = shop.rows(
        "SELECT c.city, COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = 'paid'"
        " GROUP BY c.city ORDER BY 2 DESC, 1"
    )
    assert {line.rpartition(" ")[0] for line in out.splitlines()} <= {city for city, _ in expected}
    told = await report(rig, execution_id)
    assert told["result"]["items"] == before, "what was taken back is there"
    paid = shop.rows("SELECT COUNT(*) FROM orders WHERE remark = '100% 已付 🚀'")[0][0]
    assert told["result"]["changed"] == paid == 30


async def test_a_source_that_may_only_be_read_is_not_written_to(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    execution_id = await python(
        rig, "import rota\nrota.execute(None, 'DELETE FROM order_items')", await rig.source(shop, read_only=True)
    )
    assert (await rig.until(execution_id)).status == Status.FAILED
    assert "read" in (await rig.text(execution_id))[1].lower()
    assert shop.rows("SELECT COUNT(*) FROM order_items")[0][0] > 100


async def test_its_password_is_in_memory_only_and_masked_where_it_is_printed(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    secret = str(shop.url.password) if shop.kind != "sqlite" else "a file has no password"
    program = (
        "import os, rota\nfrom rota._job import data_sources\nprint(data_sources()['商店']['password'])\n"
        "print(open('/proc/self/environ').read() + open('/proc/self/cmdline').read())\nrota.result(p=1)\n"
    )
    execution_id = await python(rig, program, await rig.source(shop))
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    out, _err = await rig.text(execution_id)
    assert out.startswith("***\n" if shop.kind != "sqlite" else "\n")
    assert secret not in out
    assert secret.encode() not in await everything(rig.database, metadata)
    kept = [path.read_bytes() for path in rig.folder.rglob("*") if path.is_file() and path.suffix != ".db"]
    assert not any(secret.encode() in data for data in kept)


async def test_what_is_gone_is_said_and_nothing_is_started(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    source_id = await rig.source(shop)
    task = await rig.create("print(1)", kind="python", spec={"data_source_ids": [source_id]})
    async with rig.database.write() as session:
        await data_sources.delete(session, source_id, force=True, now=await rig.clock.now(session))
    (execution_id,) = await rig.run(task)
    row = await rig.until(execution_id)
    assert (row.status, row.error) == (
        Status.FAILED,
        "the data source that this task uses does not exist any more: choose another one",
    )
