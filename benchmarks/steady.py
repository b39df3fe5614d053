"""A steady stream of tasks, as on a usual day: how late they start, and what each costs."""

from datetime import timedelta

from benchmarks import machine, seed, watch
from benchmarks.stage import Stage

_AHEAD = 5.0


async def run(stage: Stage, *, rate: float = 20, seconds: int = 60, command: str = "echo hi") -> dict[str, float]:
    """Lateness in ms and CPU in ms an execution, at `rate` a second for so many seconds."""
    count = int(rate * seconds)
    async with stage.database() as database:
        with stage.rota() as rota:
            begin = await watch.in_a_moment(database, _AHEAD)
            instants = [begin + timedelta(seconds=number / rate) for number in range(count)]
            await seed.tasks_due(database, instants, command=command, now=begin)
            await watch.until(database, begin)
            before = machine.cost(rota.everything())
            with rota.profiled():
                await watch.until(database, instants[-1])
                await watch.watch(database, count, since=begin, patience=60)
            after = machine.cost(rota.everything())
        late = await watch.lateness(database, instants)
    return {
        "late_p50_ms": machine.percentile(late, 0.5) * 1e3,
        "late_p99_ms": machine.percentile(late, 0.99) * 1e3,
        "late_max_ms": max(late) * 1e3,
        **after.each(before, count),
        **after.megabytes(),
    }
