"""Deleting a long history while tasks run: what it does to their lateness."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from benchmarks import machine, seed, watch
from benchmarks.stage import Stage
from common.db.session import Database

_AHEAD = 5.0


async def run(stage: Stage, *, executions: int = 1_000_000, rate: float = 20, seconds: int = 60) -> dict[str, float]:
    """Rows deleted a second beside a steady load, and the load's lateness in ms."""
    count = int(rate * seconds)
    async with stage.database() as database:
        now = await watch.database_now(database)
        await seed.idle_tasks(database, 1_000, now=now)
        await seed.history(database, executions, now=now - timedelta(days=400))
        with stage.rota():
            begin = await watch.in_a_moment(database, _AHEAD)
            instants = [begin + timedelta(seconds=number / rate) for number in range(count)]
            await seed.tasks_due(database, instants, command="echo hi", now=begin)
            await watch.until(database, begin)
            before = await _old(database, begin)
            await watch.until(database, instants[-1] + timedelta(seconds=2))
            after = await _old(database, begin)
        late = await watch.lateness(database, instants)
    return {
        "deleted_per_second": (before - after) / seconds,
        "late_p50_ms": machine.percentile(late, 0.5) * 1e3,
        "late_p99_ms": machine.percentile(late, 0.99) * 1e3,
    }


async def _old(database: Database, before: datetime) -> int:
    async with database.read() as session:
        statement = select(func.count()).where(seed.E.c.scheduled_for < before - timedelta(days=1))
        return await session.scalar(statement) or 0
