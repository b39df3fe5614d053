"""How long somebody waits who types `rota up`."""

import time

from benchmarks import machine
from benchmarks.stage import Stage


async def run(stage: Stage, *, times: int = 5) -> dict[str, float]:
    """Seconds until /health says that database, scheduler and worker are well: at the first start, which makes the
    tables, and at later ones (median); memory in MB of a Rota that has nothing to do."""
    took: list[float] = []
    memory: dict[str, float] = {}
    for _ in range(1 + times):
        began = time.monotonic()
        with stage.rota() as rota:
            took.append(time.monotonic() - began)
            memory = machine.cost(rota.processes()).megabytes()
    return {"first_s": took[0], "later_s": machine.percentile(took[1:], 0.5), **memory}
