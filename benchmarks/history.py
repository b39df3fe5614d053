"""Lists and pages over a long history: what somebody waits for who clicks through Rota after some years."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from benchmarks import machine, seed, watch, web
from benchmarks.stage import Stage
from benchmarks.web import Call
from common.db.models import SchedulerGap, table_of
from common.db.session import Database
from tests.support.rota_process import Rota

_EACH = 40


def paths(tasks: int, executions: int) -> dict[str, str]:
    """What is opened, by the name of its figure."""
    one = tasks // 2
    return {
        "tasks": "/tasks",
        "tasks_last_page": f"/tasks?page={tasks // 50}",
        "tasks_search": "/tasks?search=idle%209999",
        "tasks_search_nothing": "/tasks?search=nowhere",
        "tasks_tag": "/tasks?tag=team-3",
        "tasks_queue": "/tasks?queue=default",
        "tasks_failed": "/tasks?status=FAILED",
        "tasks_active": "/tasks?status=ACTIVE",
        "tasks_by_name": "/tasks?sort=name",
        "tasks_by_update": "/tasks?sort=-updated_at",
        "task": f"/tasks/{one}",
        "task_executions": f"/tasks/{one}/executions",
        "task_ledger": f"/tasks/{one}/ledger",
        "executions": "/executions",
        "executions_page_1000": "/executions?page=1000",
        "executions_oldest": "/executions?before=60",
        "executions_failed": "/executions?status=failed",
        "executions_lost": "/executions?status=lost",
        "executions_manual": "/executions?trigger=manual",
        "executions_search": "/executions?search=idle%209999",
        "executions_since": f"/executions?since={_day(-1)}",
        "executions_until": f"/executions?until={_day(-80)}",
        "executions_day": f"/executions?since={_day(-80)}&until={_day(-79)}",
        "executions_failed_since": f"/executions?status=failed&since={_day(-1)}",
        "executions_failed_until": f"/executions?status=failed&until={_day(-80)}",
        "execution": f"/executions/{executions // 2}",
        "status": "/status",
        "queues": "/queues",
        "storage": "/storage",
        "downtime": "/downtime",
        "page_home": "/ui/home",
        "page_home_week": "/ui/home?range=7d",
        "page_tasks": "/ui/tasks",
        "page_tasks_search": "/ui/tasks?q=idle%209999",
        "page_tasks_failed": "/ui/tasks?status=failed",
        "page_palette": "/ui/palette?q=9999",
        "page_task": f"/ui/tasks/{one}",
        "page_task_executions": f"/ui/tasks/{one}/executions",
        "page_task_ledger": f"/ui/tasks/{one}/ledger",
        "page_executions": "/ui/executions",
        "page_executions_failed": "/ui/executions?status=failed",
        "page_execution": f"/ui/executions/{executions // 2}",
        "page_timeline": "/ui/timeline",
        "page_queues": "/ui/queues",
        "page_workers": "/ui/workers",
        "page_downtime": "/ui/downtime",
        "page_storage": "/ui/storage",
    }


def _day(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=days)}T00:00:00Z"


async def run(stage: Stage, *, tasks: int = 100_000, executions: int = 500_000) -> dict[str, float]:
    """Milliseconds that each list, page and search takes: the first time, median and p99."""
    async with stage.database() as database:
        now = await watch.database_now(database)
        await seed.idle_tasks(database, tasks, now=now)
        await seed.history(database, executions, now=now)
        await _gap(database, now)
    with stage.rota() as running:
        return await measure(running.main, paths(tasks, executions))


async def measure(rota: Rota, paths: dict[str, str]) -> dict[str, float]:
    """The figures of these paths."""
    figures: dict[str, float] = {}
    authorization = web.token(rota)
    for name, path in paths.items():
        first = await web.seconds_of(rota, [Call("GET", path)], authorization=authorization)
        took = await web.seconds_of(rota, [Call("GET", path)] * _EACH, authorization=authorization)
        figures[f"{name}_first_ms"] = first[0] * 1e3
        figures[f"{name}_p50_ms"] = machine.percentile(took, 0.5) * 1e3
        figures[f"{name}_p99_ms"] = machine.percentile(took, 0.99) * 1e3
    return figures


async def _gap(database: Database, now: datetime) -> None:
    """A downtime of an hour, ten days ago."""
    began = now - timedelta(days=10)
    async with database.write() as session:
        await session.execute(
            insert(table_of(SchedulerGap)).values(started_at=began, ended_at=began + timedelta(hours=1))
        )
