"""Many rows in one statement, and statements that are compiled once: the same on every database."""

from typing import Any

import pytest
from sqlalchemy import Update, select, update
from sqlalchemy.exc import StatementError

from common.db.bulk import Value, run_each
from common.db.prepared import Prepared, one_of
from common.db.session import Database
from tests.support import world
from tests.support.world import NOW, E, after

_NAMES = ("error", "finished_at", "cpu_seconds", "spawned", "worker_id", "timing")
_TYPES = tuple((name, E.c[name].type) for name in ("id", *_NAMES))
#: Lists of lists, which an array of values must not be mixed up with.
TIMING = [None, [], [["o", 0.5, 1]], [[1], [2], ["行"]], {"a": [1]}, [None]]
ODD = ["a'b\"c\\d", "行\n\ttab %s :x $1 ?", "😀 \u2028", "x" * 70_000, "", None]


def _change(value: Value) -> Update:
    return update(E).where(E.c.id == value("id")).values({name: value(name) for name in _NAMES})


async def test_each_row_gets_its_own_values_exactly(database: Database) -> None:
    ids = await world.add_executions(database, await world.add_task(database), len(ODD) + 1)
    rows: list[dict[str, Any]] = [
        {
            "id": id_,
            "error": text,
            "finished_at": after(n) if n else None,
            "cpu_seconds": 0.1 * n,
            "spawned": n % 2 == 1,
            "timing": TIMING[n],
        }
        for n, (id_, text) in enumerate(zip(ids, ODD, strict=False))
    ]
    async with database.write() as session:
        assert await run_each(session, _change, _TYPES, rows, worker_id="wei") == len(ODD)
        assert await run_each(session, _change, _TYPES, [], worker_id="wei") == 0
        missing = rows[0] | {"id": 10**12}
        assert await run_each(session, _change, _TYPES, [missing], worker_id="wei") == 0
    found = await world.executions(database)
    for given, row in zip(rows, found, strict=False):
        assert {name: getattr(row, name) for name in given} == given
        assert row.worker_id == "wei"
    assert (found[-1].error, found[-1].worker_id) == (None, None)


async def test_a_value_that_its_type_refuses_is_an_error_and_says_nothing_of_it(database: Database) -> None:
    (id_,) = await world.add_executions(database, await world.add_task(database))
    row = {"id": id_, "error": "secret", "finished_at": NOW.replace(tzinfo=None), "cpu_seconds": 0.0, "spawned": True}
    row["timing"] = None
    with pytest.raises(StatementError, match="naive") as caught:
        async with database.write() as session:
            await run_each(session, _change, _TYPES, [row], worker_id="wei")
    assert "secret" not in str(caught.value)


_FOUND = Prepared(
    lambda dialect: select(E.c.id, E.c.available_at).where(one_of(dialect, E.c.id, "ids")).order_by(E.c.id)
)


@pytest.mark.parametrize("wanted", [[], [1], [3, 1], [2, 99]])
async def test_a_list_of_any_length_is_a_parameter(database: Database, wanted: list[int]) -> None:
    await world.add_executions(database, await world.add_task(database), 3)
    async with database.read() as session:
        found = await _FOUND(session, ids=wanted)
    assert [tuple(row) for row in found] == [(id_, NOW) for id_ in sorted(wanted) if id_ <= 3]
