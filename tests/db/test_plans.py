"""No list, page or number reads all executions: asked of each engine, over a history with statistics."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, text

from benchmarks import seed
from common.db.session import Database, ReadSession
from common.domain.states import Status, TaskState
from common.queries import executions, forecast, ledger, overview, tasks, timeline
from common.queries.executions import ExecutionQuery
from common.queries.tasks import ATTENTION, TaskQuery

NOW = datetime.now(UTC)
DAY = (NOW - timedelta(days=1), NOW)
Call = Callable[[ReadSession], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "failed": lambda s: executions.page(s, ExecutionQuery(status=Status.FAILED)),
    "lost": lambda s: executions.page(s, ExecutionQuery(status=Status.LOST)),
    "running": lambda s: executions.page(s, ExecutionQuery(status=Status.RUNNING)),
    "by hand": lambda s: executions.page(s, ExecutionQuery(trigger="manual")),
    "search": lambda s: executions.page(s, ExecutionQuery(search="idle 77")),
    "since": lambda s: executions.page(s, ExecutionQuery(since=NOW - timedelta(hours=1))),
    "until": lambda s: executions.page(s, ExecutionQuery(until=NOW - timedelta(days=80))),
    "a day": lambda s: executions.page(s, ExecutionQuery(since=DAY[0] - timedelta(days=9), until=DAY[0])),
    "failed until": lambda s: executions.page(s, ExecutionQuery(status=Status.FAILED, until=NOW - timedelta(days=80))),
    "well until": lambda s: executions.page(s, ExecutionQuery(status=Status.SUCCESS, until=NOW - timedelta(days=80))),
    "of a task": lambda s: executions.page(s, ExecutionQuery(task_id=7)),
    "tasks that failed": lambda s: tasks.page(s, TaskQuery(status=TaskState.FAILED)),
    "tasks by attention": lambda s: tasks.page(s, TaskQuery(sort=ATTENTION)),
    "states of tasks": tasks.counts,
    "signature": overview.signature,
    "outcomes": lambda s: overview.outcomes(s, [DAY]),
    "pace": lambda s: overview.newest_ended(s, DAY, limit=1000),
    "leaders": lambda s: overview.by_task(s, DAY, limit=3),
    "needs": lambda s: overview.unwell(s, since=DAY[0], limit=200),
    "idle": lambda s: overview.idle(s, since=DAY[0], limit=5),
    "at work": overview.active_by_queue,
    "usual": lambda s: forecast.durations(s, [7, 8]),
    "timeline": lambda s: timeline.active_tasks(s, *DAY, search="", limit=60),
    "runs": lambda s: timeline.runs(s, [7, 8], *DAY),
    "downtime": lambda s: ledger.between(s, *DAY, written=DAY, limit=500),
    "load": lambda s: timeline.load(s, *DAY, width=1800),
}


async def statements_of(database: Database, call: Call) -> list[tuple[str, Any]]:
    """What a call asks the database."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        async with database.read() as session:
            await call(session)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    return [each for each in asked if "executions" in each[0]]


async def whole_reads(database: Database, statement: str, parameters: Any) -> list[str]:
    """The lines of its plan that read every row of executions."""
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    async with database.engine.connect() as connection:
        rows: list[Any] = list(await connection.exec_driver_sql(f"{explain} {statement}", parameters))
    match database.dialect:
        case "sqlite":
            return [row[3] for row in rows if re.match(r"SCAN (executions|later|mine)$", row[3])]
        case "postgresql":
            return [row[0] for row in rows if re.search(r"Seq Scan on executions", row[0])]
        case _:
            tables = ("executions", "later", "mine")
            return [f"{row.type} {row.table}" for row in rows if row.table in tables and row.type == "ALL"]


async def test_nothing_reads_all_executions(database: Database) -> None:
    await seed.idle_tasks(database, 1_000, now=NOW)
    await seed.history(database, 30_000, now=NOW)
    statement = {"sqlite": "SELECT 1", "postgresql": "ANALYZE", "mysql": "ANALYZE TABLE executions, tasks"}
    async with database.write() as session:
        await session.execute(text(statement[database.dialect]))
    found = {}
    for name, call in CALLS.items():
        asked = await statements_of(database, call)
        assert asked, name
        for each in asked:
            if lines := await whole_reads(database, *each):
                found[name] = (lines, each[0])
    assert found == {}
