"""More workers and schedulers on one database: what is gained, and what is not."""

from benchmarks import burst
from benchmarks.stage import Stage, stage


async def run(first: Stage, *, count: int = 2_000) -> dict[str, float]:
    """Executions a second of a burst with 1, 2 and 4 workers, and with 2 schedulers; each on a fresh database."""
    figures: dict[str, float] = {}
    for workers, schedulers in ((1, 1), (2, 1), (4, 1), (2, 2)):
        with stage(first.kind) as where:
            found = await burst.run(where, count=count, workers=workers, schedulers=schedulers)
        figures[f"workers_{workers}_schedulers_{schedulers}_per_second"] = found["per_second"]
    return figures
