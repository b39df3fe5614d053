"""So many tasks due in the same second: how many a second are run and recorded, and how late they start."""

from benchmarks import machine, seed, watch
from benchmarks.stage import Stage

#: Seconds to write the tasks and let everybody become idle.
_AHEAD = 5.0


async def run(
    stage: Stage, *, count: int = 1_000, command: str = "echo hi", workers: int = 1, schedulers: int = 1
) -> dict[str, float]:
    """Executions a second, from the instant until the last is recorded; lateness; CPU and memory."""
    async with stage.database() as database:
        with stage.rota(workers=workers, schedulers=schedulers) as rota:
            instant = await watch.in_a_moment(database, _AHEAD + count / 2_000)
            await seed.tasks_due(database, [instant] * count, command=command, now=instant)
            await watch.until(database, instant, less=0.5)
            before = machine.cost(rota.everything())
            with rota.profiled():
                seen = await watch.watch(database, count, since=instant, patience=60 + count / 20)
            after = machine.cost(rota.everything())
        late = await watch.lateness(database, [instant] * count)
    return {
        "per_second": count / seen.ended,
        "rows_exist_s": seen.exist,
        "late_p50_ms": machine.percentile(late, 0.5) * 1e3,
        "late_p99_ms": machine.percentile(late, 0.99) * 1e3,
        **after.each(before, count),
        **after.megabytes(),
    }
