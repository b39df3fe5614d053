"""Exports from real servers: what drivers give, cell by cell; queries that take too long end on the server too."""

import math
import shutil
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.db.models import Artifact, table_of
from common.domain.states import Status
from tests.sheets.readers import READERS
from tests.support.interleave import one_engine
from tests.support.shop import Shop
from tests.worker.kinds.test_sql import RUNNING, SLEEP
from tests.worker.rig import FILES, Rig

pytestmark = one_engine

R = table_of(Artifact)
JOIN = """SELECT o.id, c.name, c.city, c.vip, o.ordered_at, o.shipped_on, o.remark, i.quantity, i.price
FROM orders o JOIN customers c ON c.id = o.customer_id JOIN order_items i ON i.order_id = o.id
WHERE i.quantity >= {least} ORDER BY o.id, i.line"""


async def export(rig: Rig, query: str, source_id: int, **spec: Any) -> tuple[Any, list[Path], str]:
    """The execution, the files that it left, and what it wrote to stderr."""
    execution_id = await rig.run_command(query, kind="export", spec={"data_source_id": source_id, **spec})
    row = await rig.until(execution_id)
    async with rig.database.read() as session:
        files = (await session.execute(select(R).where(R.c.execution_id == execution_id).order_by(R.c.id))).all()
    paths = [rig.folder / f"{number}-{each.name}" for number, each in enumerate(files)]
    for path, each in zip(paths, files, strict=True):
        shutil.copy(rig.folder / "artifacts" / each.store_key, path)
    return row, paths, (await rig.text(execution_id))[1]


async def test_a_join_of_three_tables_arrives_cell_by_cell(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    parameters = {"least": 2}
    row, (file,), err = await export(rig, JOIN.format(least=":least"), await rig.source(shop), parameters=parameters)
    assert row.status == Status.SUCCESS, err
    wanted = shop.rows(JOIN.format(least=2))
    for reader in READERS.values():
        ((_, (header, *rows)),) = reader(file).items()
        assert len(rows) == len(wanted) > 100
        for cells, expected in zip(rows, wanted, strict=True):
            for name, cell, value in zip(header, cells, expected, strict=True):
                assert same(cell, value), (shop.kind, name, cell, value)


def same(cell: Any, value: Any) -> bool:
    """Whether a cell says what the database says; more than fifteen digits are text in a workbook."""
    match value:
        case bool():
            return bool(cell == value)
        case int() if abs(value) >= 10**15:
            return bool(cell == str(value))
        case int() | float() | Decimal():
            return math.isclose(cell, float(value), rel_tol=0, abs_tol=1e-9)
        case datetime():
            return bool(abs(cell - value) < timedelta(milliseconds=1))
        case date():
            return bool((cell.date() if isinstance(cell, datetime) else cell) == value)
        case "":
            return cell in ("", None)
    return bool(cell == value)


async def test_what_takes_too_long_or_is_wrong_leaves_no_file_and_ends_on_the_server(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    source_id = await rig.source(shop)
    row, files, err = await export(rig, SLEEP[shop.kind], source_id, query_timeout=1)
    assert (row.status, files) == (Status.FAILED, [])
    assert "Sheet1: the query took longer than 1 s and was cancelled" in err
    if shop.kind in RUNNING:
        assert shop.rows(RUNNING[shop.kind]) == [(0,)]
    for query, said in (("SELECT * FROM nowhere", "nowhere"), ("DELETE FROM order_items", "")):
        row, files, err = await export(rig, query, source_id)
        assert (row.status, files, said in err) == (Status.FAILED, [], True), err
    assert shop.rows("SELECT count(*) FROM order_items")[0][0] > 100


@pytest.mark.parametrize("shop_kind", ["postgresql"])
async def test_an_export_is_compared_with_those_before_it(rig: Rig, shop: Shop) -> None:
    rig.start(**FILES)
    spec = {"data_source_id": await rig.source(shop)}
    task = await rig.create("SELECT * FROM order_items", kind="export", spec=spec)
    for execution_id in [*await rig.run(task), *await rig.run(task)]:
        assert (await rig.until(execution_id)).status == Status.SUCCESS
    shop.execute("DELETE FROM order_items WHERE line > 1")
    shop.execute("DELETE FROM order_items WHERE order_id % 2 = 0")
    (execution_id,) = await rig.run(task)
    await rig.until(execution_id)
    assert "less than the last runs" in (await rig.text(execution_id))[0]
