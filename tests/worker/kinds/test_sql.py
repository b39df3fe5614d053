"""Scripts of SQL on real servers: all of it or nothing, in time, and what came of each statement."""

from typing import Any

import pytest

from common.domain.states import Status
from common.queries import executions
from tests.support.interleave import one_engine
from tests.support.shop import Shop
from tests.worker.rig import FILES, Rig

pytestmark = one_engine

SLEEP = {
    "postgresql": "SELECT pg_sleep(61)",
    "mysql": "SELECT SLEEP(61)",
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
}
#: How many of these run on the shop's server. PostgreSQL reads a query through a cursor, and says so.
RUNNING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database()"
    " AND pid <> pg_backend_pid() AND (query LIKE '%pg_sleep(61)%' OR query LIKE 'FETCH%')",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(61)%'"
    " AND id <> connection_id() AND db = database()",
}


class Sql:
    """Scripts for one shop, run by a real worker."""

    def __init__(self, rig: Rig, shop: Shop, source_id: int) -> None:
        self.rig, self.shop, self.source_id = rig, shop, source_id

    async def run(self, script: str, **spec: Any) -> tuple[Any, Any, str]:
        """The execution, its report, and what it wrote to stderr."""
        given = {"data_source_id": self.source_id, **spec}
        execution_id = await self.rig.run_command(script, kind="sql", spec=given)
        row = await self.rig.until(execution_id)
        async with self.rig.database.read() as session:
            report = await executions.report(session, execution_id)
        return row, report, (await self.rig.text(execution_id))[1]


@pytest.fixture
async def sql(rig: Rig, shop: Shop) -> Sql:
    rig.start(**FILES)
    return Sql(rig, shop, await rig.source(shop))


async def test_each_statement_says_what_came_of_it_and_results_their_first_rows(sql: Sql) -> None:
    row, report, err = await sql.run(
        "-- monthly\nUPDATE orders SET remark = :text WHERE status = 'new';\n"
        "SELECT id, remark, NULL AS none_ FROM orders ORDER BY id;\n"
        "CREATE TABLE totals (city VARCHAR(50), n INT);\n"
        "INSERT INTO totals SELECT city, COUNT(*) FROM customers GROUP BY city;\n"
        "SELECT :rota_execution_id, :rota_scheduled_date;",
        parameters={"text": "50% '; DROP TABLE orders; --"},
        first_rows=3,
    )
    assert row.status == Status.SUCCESS, err
    result = report["result"]
    assert [(each["number"], each["line"], each["rows"]) for each in result["script"]] == [
        (1, 2, 30), (2, 3, 120), (3, 4, None if sql.shop.kind != "mysql" else 0), (4, 5, 6), (5, 6, 1),
    ]  # fmt: skip
    first, last = result["tables"]
    assert first["columns"] == ["id", "remark", "none_"]
    assert (first["total"], len(first["rows"])) == (120, 3)
    assert first["rows"][0] == ["9007199254740993", "50% '; DROP TABLE orders; --", None]
    assert last["rows"][0][0] == row.id
    assert (result["statements"], result["transaction"], result["data_source"]) == (5, "committed", "商店")
    assert bool(report["warnings"]) == (sql.shop.kind == "mysql"), "MySQL commits at CREATE, and that is said"
    assert sql.shop.rows("SELECT COUNT(*) FROM totals") == [(6,)]


async def test_two_hundred_statements_are_taken_back_on_the_error_of_one(sql: Sql) -> None:
    rows = sql.shop.rows("SELECT COUNT(*) FROM products")[0][0]
    insert = "INSERT INTO products VALUES ({n}, 'NEW-{n}', '新品', 1.00, NULL);"
    lines = [insert.format(n=100 + n) for n in range(200)]
    lines[149] = insert.format(n=1)  # there is one already
    row, report, err = await sql.run("\n".join(lines))
    assert row.status == Status.FAILED
    assert "statement 150 (line 150)" in err
    assert report["result"]["transaction"] == "rolled back"
    assert report["result"]["statements"] == 149
    assert sql.shop.rows("SELECT COUNT(*) FROM products")[0][0] == rows
    row, report, err = await sql.run("\n".join(lines), transaction="each", on_error="continue")
    assert row.status == Status.FAILED
    assert "1 of 200 statements failed" in err
    assert sql.shop.rows("SELECT COUNT(*) FROM products")[0][0] == rows + 199
    assert [each["number"] for each in report["result"]["script"] if each.get("error")] == [150]


async def test_what_takes_too_long_is_ended_on_the_server(sql: Sql) -> None:
    row, _report, err = await sql.run(SLEEP[sql.shop.kind], statement_timeout=1)
    assert row.status == Status.FAILED
    assert "took longer than 1 s and was cancelled" in err
    if sql.shop.kind in RUNNING:
        assert sql.shop.rows(RUNNING[sql.shop.kind]) == [(0,)]


async def test_a_script_for_reading_changes_nothing_however_it_tries(sql: Sql) -> None:
    for script in ("DELETE FROM order_items", "SELECT 1; DROP TABLE order_items"):
        row, _report, err = await sql.run(script, read_only=True)
        assert row.status == Status.FAILED
        assert "for reading only" in err
    row, _report, err = await sql.run("SELECT COUNT(*) FROM orders", read_only=True, transaction="none")
    assert row.status == Status.SUCCESS, err
    if sql.shop.kind == "postgresql":
        row, _report, err = await sql.run(
            "WITH x AS (DELETE FROM order_items RETURNING 1) SELECT * FROM x", read_only=True
        )
        assert row.status == Status.FAILED
        assert "read-only" in err or "只读" in err
    assert sql.shop.rows("SELECT COUNT(*) FROM order_items")[0][0] > 100


async def test_what_cannot_be_meant_is_said_before_anything_runs(sql: Sql) -> None:
    for script, said in (
        ("-- nothing\n", "no statement"),
        ("DELETE FROM order_items;\nCOMMIT;", "statement 2 (line 2): COMMIT begins or ends a transaction"),
    ):
        row, _report, err = await sql.run(script)
        assert (row.status, said in err) == (Status.FAILED, True), err
    assert sql.shop.rows("SELECT COUNT(*) FROM order_items")[0][0] > 100
    begun = "BEGIN;\nDELETE FROM order_items;\nROLLBACK;"
    row, _report, err = await sql.run(begun, transaction="none")
    assert row.status == Status.SUCCESS, err
    row, _report, err = await sql.run("SELECT * FROM nowhere")
    assert row.status == Status.FAILED
    assert "nowhere" in err
