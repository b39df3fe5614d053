"""Very many schedules of which ten are due: what waiting costs, and whether the ten are late."""

import asyncio

from benchmarks import machine, seed, watch
from benchmarks.stage import Stage

_IDLE = 20.0
_DUE = 10


async def run(stage: Stage, *, schedules: int = 100_000, command: str = "echo hi") -> dict[str, float]:
    """CPU of the idle scheduler in percent of a core and its memory in MB; lateness of ten tasks in ms."""
    async with stage.database() as database:
        await seed.idle_tasks(database, schedules, now=await watch.database_now(database))
        with stage.rota() as rota:
            scheduler = {name: each for name, each in rota.processes().items() if name.startswith("scheduler")}
            await asyncio.sleep(3)
            before = machine.cost(scheduler)
            await asyncio.sleep(_IDLE)
            after = machine.cost(scheduler)
            instant = await watch.in_a_moment(database, 5)
            await seed.tasks_due(database, [instant] * _DUE, command=command, now=instant)
            await watch.until(database, instant)
            await watch.watch(database, _DUE, since=instant, patience=60)
            everything = machine.cost(rota.processes())
        late = await watch.lateness(database, [instant] * _DUE)
    return {
        "idle_cpu_percent": (after.cpu["scheduler"] - before.cpu["scheduler"]) / _IDLE * 100,
        "scheduler_mb": after.memory,
        "all_mb": everything.memory,
        "late_max_ms": max(late) * 1e3,
    }
