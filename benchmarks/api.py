"""How many requests a second the API answers, with 16 clients at once."""

import time

from benchmarks import machine, seed, watch, web
from benchmarks.stage import Stage
from benchmarks.web import Call

_CLIENTS = 16


async def run(stage: Stage, *, tasks: int = 1_000, count: int = 400) -> dict[str, float]:
    """Requests a second and p99 in ms for list, get and run."""
    async with stage.database() as database:
        await seed.idle_tasks(database, tasks, now=await watch.database_now(database))
    figures: dict[str, float] = {}
    with stage.rota() as running:
        rota = running.main
        authorization = web.token(rota)
        for name, calls in {
            "list": [Call("GET", "/tasks")] * count,
            "get": [Call("GET", f"/tasks/{number % tasks + 1}") for number in range(count)],
            "run": [Call("POST", f"/tasks/{number % tasks + 1}/run") for number in range(count)],
        }.items():
            began = time.perf_counter()
            took = await web.seconds_of(rota, calls, authorization=authorization, clients=_CLIENTS)
            figures[f"{name}_requests_per_second"] = count / (time.perf_counter() - began)
            figures[f"{name}_p99_ms"] = machine.percentile(took, 0.99) * 1e3
    return figures
