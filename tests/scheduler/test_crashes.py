"""A scheduler may die at any moment: every instant still has exactly one row."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from common.clock import Clock
from common.db.models import Schedule, Task
from common.db.session import Database
from common.db.wakeup import longest_wait
from common.domain.states import Status
from scheduler.fire import Fire
from tests.support import world
from tests.support.eventually import eventually
from tests.support.history import Row, check_history
from tests.support.world import DUE, E, S, after

ROOT = Path(__file__).resolve().parents[2]
LIVES = 7
#: (kind, expression, seconds between two instants, seconds of the first after a full minute)
KINDS = [
    ("cron", "*/1 * * * * *", 1, 0),
    ("cron", "1-59/2 * * * * *", 2, 1),
    ("interval", "1s", 1, 0),
    ("interval", "2s", 2, 0),
]


class Died(Exception):
    """The scheduler is gone."""


class Dying:
    """Lets an engine die before statement number `before`, or before the commit that follows them."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine.sync_engine
        self.before = 0
        self.seen = 0

    async def before_step(self, number: int, fire: Fire) -> bool:
        """Fire, and die before this statement; False when it never came to it."""
        self.before, self.seen = number, 0
        for name in ("before_cursor_execute", "commit"):
            event.listen(self.engine, name, self._step)
        try:
            await fire.database.transact(fire._fire)
        except Died:
            return True
        finally:
            for name in ("before_cursor_execute", "commit"):
                event.remove(self.engine, name, self._step)
        return False

    def _step(self, *_: Any) -> None:
        self.seen += 1
        if self.seen == self.before:
            raise Died


async def snapshot(database: Database) -> list[Any]:
    async with database.read() as session:
        schedules = await session.execute(select(S.c.id, S.c.next_run_at).order_by(S.c.id))
        executions = await session.execute(select(*E.c).order_by(E.c.id))
        return [*schedules.all(), *executions.all()]


async def test_a_fire_that_ends_between_any_two_statements_has_done_nothing(database: Database) -> None:
    task = await world.add_task(database, concurrency="replace")
    (running,) = await world.add_executions(database, task, status=Status.RUNNING, token=1)
    first = await world.add_schedule(database, task)
    second = await world.add_schedule(database, await world.add_task(database), "*/30 * * * * *")
    before = await snapshot(database)
    fire = Fire(database, world.StillClock())
    dying = Dying(database)
    steps = 1
    while await dying.before_step(steps, fire):
        assert await snapshot(database) == before
        steps += 1
    assert steps > 7, "select, lock, read, insert, stop, move on, commit"
    rows = [row for row in await world.executions(database) if row.id != running]
    assert [(row.task_id, row.scheduled_for) for row in rows] == [(task, DUE), (task + 1, DUE)]
    assert (await world.execution(database, running)).cancel_requested_at is not None
    assert (await world.schedule(database, first)).next_run_at == DUE + timedelta(seconds=1)
    assert (await world.schedule(database, second)).next_run_at == DUE + timedelta(seconds=30)
    after_it = await snapshot(database)
    await fire.tick()
    assert await snapshot(database) == after_it


async def test_two_schedulers_killed_between_statements_miss_and_double_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    plans = await add_busy_schedules(database, 200)
    async with killed_schedulers(database_url, tmp_path) as deaths:
        async with database.read() as session:
            healed_at = await Clock().now(session)

        async def all_have_moved_on() -> None:
            async with database.read() as session:
                assert await session.scalar(select(S.c.id).where(S.c.next_run_at <= healed_at).limit(1)) is None

        await eventually(all_have_moved_on)
    print(*deaths, sep="\n")
    assert len(deaths) == LIVES
    async with database.read() as session:
        moved = {row.task_id: row.next_run_at for row in await session.execute(select(S.c.task_id, S.c.next_run_at))}
    due: dict[int, list[datetime]] = {}
    for task, (first, step) in plans.items():
        assert moved[task] > healed_at
        assert (moved[task] - first) % step == timedelta(0)
        due[task] = [first + step * n for n in range((moved[task] - first) // step)]
    rows = [
        Row(row.id, row.task_id, row.scheduled_for, row.status, row.token, row.trigger, instants=row.instants)
        for row in await world.executions(database)
    ]
    assert [violation for violation in check_history(rows, due) if violation.invariant == "I1"] == []
    assert len(rows) == sum(len(instants) for instants in due.values()) > 200


async def add_busy_schedules(database: Database, count: int) -> dict[int, tuple[datetime, timedelta]]:
    """Tasks that are due every second or two from the next second on; gives the first instant and the step of each."""
    plans = {}
    async with database.write() as session:
        start = (await Clock().now(session)).replace(microsecond=0) + timedelta(seconds=1)
        for number in range(count):
            kind, expr, step, first = KINDS[number % len(KINDS)]
            concurrency = ("allow", "queue", "skip", "replace")[number // len(KINDS) % 4]
            values: dict[str, Any] = {"created_at": start, "updated_at": start, "concurrency": concurrency}
            task = Task(name="忙", command="true", **values)
            session.add(task)
            await session.flush()
            assert task.id is not None
            instant = start + timedelta(seconds=(first - start.second) % step)
            session.add(Schedule(task_id=task.id, kind=kind, expr=expr, next_run_at=instant))
            plans[task.id] = (instant, timedelta(seconds=step))
    return plans


@contextlib.asynccontextmanager
async def killed_schedulers(url: str, folder: Path) -> AsyncIterator[list[str]]:
    """Schedulers that die as `lives.py` says. Entered when two live on unharmed; gives the statements never sent."""
    settings = {"data_dir": str(folder), "database_url": url}
    command = (sys.executable, "-W", "error", "-m", "tests.scheduler.lives", str(LIVES))
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    deaths = []
    try:
        while (line := (await process.stdout.readline()).decode().strip()) != "healed":
            assert line, "the schedulers are gone"
            deaths.append(line)
        yield deaths
    finally:
        process.stdin.close()
        code = await process.wait()
    assert code == 0, "a scheduler ended in another way than by kill -9 or by request"


async def test_the_next_tick_comes_when_the_next_schedule_is_due(database: Database) -> None:
    fire = Fire(database, world.StillClock())
    assert await fire.tick() == longest_wait(database)
    await world.add_schedule(database, await world.add_task(database), next_run_at=after(0.1))
    assert await fire.tick() == pytest.approx(0.1, abs=0.005)  # a little before it is due
    assert await world.executions(database) == []
