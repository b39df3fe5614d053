"""Lists and pages over a long history: what somebody waits for who clicks through Rota after some years."""

from benchmarks import machine, seed, watch, web
from benchmarks.stage import Stage
from benchmarks.web import Call

_EACH = 40


async def run(stage: Stage, *, tasks: int = 100_000, executions: int = 500_000) -> dict[str, float]:
    """Milliseconds (median and p99) that each list, page and search takes."""
    async with stage.database() as database:
        now = await watch.database_now(database)
        await seed.idle_tasks(database, tasks, now=now)
        await seed.history(database, executions, now=now)
    figures: dict[str, float] = {}
    with stage.rota() as running:
        rota = running.main
        authorization = web.token(rota)
        one = tasks // 2
        for name, path in {
            "tasks": "/tasks",
            "tasks_page_900": "/tasks?page=900",
            "tasks_search": "/tasks?search=idle%209999",
            "task": f"/tasks/{one}",
            "task_executions": f"/tasks/{one}/executions",
            "executions": "/executions",
            "executions_failed": "/executions?status=failed",
            "execution": f"/executions/{executions // 2}",
            "status": "/status",
            "page_tasks": "/ui/tasks",
            "page_task": f"/ui/tasks/{one}",
            "page_executions": "/ui/executions",
        }.items():
            await web.seconds_of(rota, [Call("GET", path)] * 3, authorization=authorization)
            took = await web.seconds_of(rota, [Call("GET", path)] * _EACH, authorization=authorization)
            figures[f"{name}_p50_ms"] = machine.percentile(took, 0.5) * 1e3
            figures[f"{name}_p99_ms"] = machine.percentile(took, 0.99) * 1e3
    return figures
