"""The timeline reads few runs one by one and many by stretches; both say the same, on every engine."""

from datetime import timedelta
from typing import Any

import pytest

from common.db.session import Database
from common.domain.permissions import VIEWER, Actor
from common.services import timeline as service
from common.services.memory import Memory
from tests.support.world import NOW, add_executions, add_schedule, add_task, add_worker, after

BEGIN, END = NOW - timedelta(hours=12), NOW + timedelta(hours=12)


def ran(status: str, at: float, took: float, **values: Any) -> dict[str, Any]:
    begun, ended = after(at), after(at + took)
    return {"status": status, "scheduled_for": begun, "started_at": begun, "finished_at": ended, "token": 1, **values}


@pytest.mark.parametrize("many", [240, 1], ids=["one by one", "by stretches"])
async def test_a_window_holds_what_ran_what_runs_and_what_is_to_come(
    database: Database, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(service, "_MANY", many)
    await add_worker(database, "wei", name="worker-1", slots=2)
    task = await add_task(database, name="export", tags=["finance"])
    await add_schedule(database, task, "0 * * * *", next_run_at=after(1800))
    await add_executions(database, task, **ran("success", -3600, 1800, worker_id="wei"))
    await add_executions(database, task, **ran("failed", -7200, 60))
    missed = after(-10_000)
    await add_executions(database, task, status="missed", scheduled_for=missed, finished_at=missed)
    await add_executions(database, task, **ran("success", -90_000, 60))
    goes_on = await add_executions(database, task, status="running", started_at=after(-60), token=1, worker_id="wei")
    async with database.read() as session:
        found = await service.timeline(session, Memory(), BEGIN, END, now=NOW)
    (lane,) = found.lanes
    assert [(bar.outcome, bar.begin, bar.end) for bar in sorted(lane.bars, key=lambda bar: bar.begin)] == [
        ("missed", missed, missed),
        ("failed", after(-7200), after(-7140)),
        ("success", after(-3600), after(-1800)),
        ("running", after(-60), NOW),
    ]
    assert lane.bars[-1].execution_id == goes_on[0]
    assert len(lane.coming) == 12
    assert (found.slots, found.crowd, found.more) == (2, None, 0)
    width = 1800
    assert sum(found.busy) * width == pytest.approx(1800 + 60 + 60, abs=1)
    assert max(found.busy) <= 1.01, "a run of half an hour takes one slot in the steps it went on in"
    assert found.wanted[0] is None
    assert max(each or 0 for each in found.wanted) == 1


async def test_more_wanted_than_there_are_slots_is_a_crowd(database: Database) -> None:
    await add_worker(database, "wei", slots=2, queues=["default"])
    for number in range(3):
        task = await add_task(database, name=f"at six {number}")
        await add_schedule(database, task, "0 18 * * *", next_run_at=NOW.replace(hour=18, minute=0, microsecond=0))
    async with database.read() as session:
        found = await service.timeline(session, Memory(), BEGIN, END, now=NOW)
        searched = await service.timeline(session, Memory(), BEGIN, END, search="SIX 1", now=NOW)
    assert found.crowd is not None
    assert (found.crowd.wanted, found.crowd.slots, found.crowd.queue) == (3, 2, "default")
    assert [lane.name for lane in searched.lanes] == ["at six 1"]


async def test_nobody_sees_lanes_that_are_not_theirs(database: Database) -> None:
    task = await add_task(database)
    await add_schedule(database, task)
    await add_executions(database, task, **ran("success", -3600, 60))
    async with database.on_behalf_of(Actor(4711, "victor", VIEWER)).read() as session:
        found = await service.timeline(session, Memory(), BEGIN, END, now=NOW)
    assert (found.lanes, found.more, sum(found.busy)) == ([], 0, 0)
