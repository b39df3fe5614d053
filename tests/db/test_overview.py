"""What the home page counts is right on every engine, and shows nobody more than is theirs."""

from datetime import timedelta
from typing import Any

from common.db.session import Database
from common.domain.permissions import VIEWER, Actor
from common.queries import crowd, overview
from common.services import overview as service
from common.services.memory import Memory
from tests.support.world import NOW, add_executions, add_schedule, add_task, add_worker, after

DAY = timedelta(days=1)


def ended(status: str, seconds_ago: float, took: float = 3.0, **values: Any) -> dict[str, Any]:
    finished = after(-seconds_ago)
    started = {"started_at": finished - timedelta(seconds=took), "token": 1}
    if status in ("missed", "skipped"):
        started = {}
    return {"status": status, "finished_at": finished, "trigger": "schedule", **started, **values}


async def test_it_counts_ends_by_span_and_finds_slow_and_busy_tasks(database: Database) -> None:
    slow, busy = await add_task(database, name="slow"), await add_task(database, name="busy")
    await add_executions(database, slow, **ended("success", 100, took=62.5))
    await add_executions(database, busy, 3, **ended("success", 4000, took=0.5))
    await add_executions(database, busy, **ended("missed", 50))
    hours = [(after(-7200), after(-3600)), (after(-3600), NOW)]
    async with database.read() as session:
        assert await overview.outcomes(session, hours) == {
            hours[0]: {"success": 3},
            hours[1]: {"success": 1, "missed": 1},
        }
        slowest, busiest = await overview.by_task(session, (NOW - DAY, NOW), limit=5)
        before = await overview.signature(session)
    assert [(row.name, round(float(row.seconds), 2)) for row in slowest] == [("slow", 62.5), ("busy", 0.5)]
    assert [(row.name, row.executions) for row in busiest] == [("busy", 3), ("slow", 1)]
    await add_executions(database, slow)
    async with database.read() as session:
        assert await overview.signature(session) != before


async def test_what_needs_somebody_is_what_is_still_wrong(database: Database) -> None:
    mended, broken = await add_task(database, name="mended"), await add_task(database, name="broken")
    paused = await add_task(database, name="paused", enabled=False)
    for task in (mended, broken, paused):
        await add_executions(database, task, 2, **ended("success", 600))
        await add_executions(database, task, **ended("failed", 300, exit_code=2))
    await add_executions(database, mended, **ended("success", 200))
    await add_executions(database, await add_task(database, queue="gpu"), queue="gpu")
    await add_worker(database, "wei", heartbeat_at=after(-1))
    await add_worker(database, "lost", name="lost", heartbeat_at=after(-120))
    async with database.read() as session:
        needs = await service.needs(session, Memory(), now=NOW)
    assert [(each.name, each.streak, each.before) for each in needs.failing] == [("broken", 1, 2)]
    assert [(each.queue, each.waiting) for each in needs.stuck] == [("gpu", 1)]
    assert [row.name for row in needs.silent] == ["lost"]
    assert needs.count == 3


async def test_a_task_that_was_due_and_did_not_run_is_idle(database: Database) -> None:
    values = {"created_at": NOW - 3 * DAY}
    due, monthly, ran = [await add_task(database, name=name, **values) for name in ("due", "monthly", "ran")]
    for task, expr in ((due, "0 * * * *"), (monthly, "0 3 15 * *"), (ran, "0 * * * *")):
        await add_schedule(database, task, expr, next_run_at=after(60))
    long_ago = await add_task(
        database, name="paused", enabled=False, paused_at=NOW - 2 * DAY, paused_by="chen", **values
    )
    await add_schedule(database, long_ago, "0 * * * *", next_run_at=None)
    await add_executions(database, due, **ended("success", 3 * 86400))
    await add_executions(database, ran, **ended("success", 600))
    async with database.read() as session:
        found = await service.idle(session, Memory(), now=NOW)
    assert [row.name for row in found] == ["due", "paused"]


async def test_nobody_is_shown_what_is_not_theirs(database: Database) -> None:
    task = await add_task(database, name="secret")
    await add_schedule(database, task)
    await add_executions(database, task, **ended("failed", 60))
    await add_executions(database, task, status="running", started_at=NOW, token=1)
    stranger = database.on_behalf_of(Actor(4711, "victor", VIEWER))
    memory = Memory()
    async with database.read() as session:
        assert (await service.tasks(session, memory)).every == 1
        assert len(await service.running(session, memory)) == 1
        assert await service.outcomes(session, memory, [(NOW - DAY, NOW)], now=NOW) == [{"failed": 1}]
    async with stranger.read() as session:
        spans = [(NOW - DAY, NOW)]
        facts = await service.facts(session, memory, spans, spans[0], spans[0], now=NOW)
        assert (await service.tasks(session, memory)).every == 0
    assert (facts.columns, facts.running, facts.next, facts.queues, facts.idle) == ([{}], [], [], [], [])
    assert (facts.needs.count, facts.leaders.slowest, facts.coming.items) == (0, [], [])


async def test_a_crowd_is_who_starts_in_the_same_minute_and_is_not_spread(database: Database) -> None:
    minute = NOW.replace(second=0, microsecond=0)
    mine = await add_task(database, name="mine")
    await add_schedule(database, mine, next_run_at=minute)
    for name, seconds, jitter in (("a", 0, 0), ("b", 59, 59), ("later", 60, 0), ("before", -1, 0), ("spread", 30, 60)):
        at = minute + timedelta(seconds=seconds)
        await add_schedule(database, await add_task(database, name=name), next_run_at=at, jitter=jitter)
    async with database.read() as session:
        assert await crowd.beside(session, minute + timedelta(seconds=20), but=mine) == 2
        assert await crowd.beside(session, minute) == 3
    stranger = Actor(7, "vera", VIEWER, "api", "")
    async with database.on_behalf_of(stranger).read() as session:
        assert await crowd.beside(session, minute) == 0
