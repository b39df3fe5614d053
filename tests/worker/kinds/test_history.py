"""What an export is compared with: rows and bytes of the runs before it."""

from typing import Any

from common.db.session import Database
from common.domain.states import Status
from common.queries import results
from tests.support.world import add_executions, add_task, change


async def test_the_newest_runs_that_succeeded_and_say_how_much(database: Database) -> None:
    task = await add_task(database)
    ids = await add_executions(database, task, 16)
    other = await add_executions(database, await add_task(database))

    async def ended(number: int, report: Any, status: Status = Status.SUCCESS) -> None:
        await change(database, ids[number], status=status, report=report)

    for number in range(11):
        await ended(number, {"result": {"rows": number, "size": number * 10}})
    await ended(11, {"result": {"rows": 0}})
    await ended(12, {"result": {"rows": 99, "size": 99}}, Status.FAILED)
    await ended(13, {"result": {"rows": "many", "size": 1}})
    await ended(14, {"result": {"rows": True, "size": 1}})
    await ended(15, None)
    await change(database, other[0], status=Status.SUCCESS, report={"result": {"rows": 77, "size": 77}})
    async with database.read() as session:
        found = await results.of_task(session, task)
        nothing = await results.of_task(session, 987_654)
    assert found[:3] == [{"rows": 0, "size": 0}, {"rows": 10, "size": 100}, {"rows": 9, "size": 90}]
    assert 5 <= len(found) <= 10
    assert nothing == []
