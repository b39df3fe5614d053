"""Rows for benchmarks, written straight into the tables: a million tasks through the API would take an hour."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text

from common.db.models import Execution, Schedule, Task, table_of
from common.db.session import Database, WriteSession
from common.db.wakeup import notify

T, S, E = table_of(Task), table_of(Schedule), table_of(Execution)
_CHUNK = 5_000


async def tasks_due(database: Database, instants: Sequence[datetime], *, command: str, now: datetime) -> None:
    """One shell task for each instant, to run once then."""
    await _add(database, [(f"bench {number}", "once", at) for number, at in enumerate(instants)], command, now)


async def idle_tasks(database: Database, count: int, *, now: datetime) -> None:
    """So many tasks that run once a day, none of them within the next hours."""
    first = now + timedelta(hours=6)
    plans = [(f"idle {number}", "cron", first + timedelta(seconds=number % 40_000)) for number in range(count)]
    await _add(database, plans, "true", now)


async def _add(database: Database, plans: Sequence[tuple[str, str, datetime]], command: str, now: datetime) -> None:
    for start in range(0, len(plans), _CHUNK):
        chunk = plans[start : start + _CHUNK]

        async def write(session: WriteSession, chunk: Sequence[tuple[str, str, datetime]] = chunk) -> None:
            first = (await session.scalar(select(func.max(T.c.id))) or 0) + 1
            common = {"command": command, "created_at": now, "updated_at": now, "concurrency": "allow"}
            await session.execute(
                insert(T), [{"id": first + n, "name": plan[0], **common} for n, plan in enumerate(chunk)]
            )
            await session.execute(insert(S), [_schedule(first + n, *plan[1:]) for n, plan in enumerate(chunk)])
            await notify(session)

        await database.transact(write)


def _schedule(task_id: int, kind: str, at: datetime) -> dict[str, Any]:
    expr = at.isoformat() if kind == "once" else f"{at.second} {at.minute} {at.hour} * * *"
    return {"task_id": task_id, "kind": kind, "expr": expr, "next_run_at": at}


async def history(database: Database, count: int, *, now: datetime) -> None:
    """So many finished executions, evenly over all tasks and the last 90 days.

    One for each task is sent, the rest are copies the database makes itself.
    """
    async with database.read() as session:
        tasks = list(await session.scalars(select(T.c.id).order_by(T.c.id).limit(count)))
    for start in range(0, len(tasks), _CHUNK):
        chunk = [
            _ended(task_id, now - timedelta(seconds=7_776_000 * task_id / len(tasks)))
            for task_id in tasks[start : start + _CHUNK]
        ]

        async def write(session: WriteSession, rows: list[dict[str, Any]] = chunk) -> None:
            await session.execute(insert(E), rows)

        await database.transact(write)
    made = len(tasks)
    while made < count:
        made += await _copy(database, copy=made, limit=min(200_000, count - made))


async def _copy(database: Database, *, copy: int, limit: int) -> int:
    """Copy up to `limit` executions under new keys; returns how many."""
    names = [column.name for column in E.c if column.name not in ("id", "fire_key")]
    key = func.concat(E.c.fire_key, f".{copy}") if database.dialect != "sqlite" else E.c.fire_key + f".{copy}"
    source = select(key, *(E.c[name] for name in names)).order_by(E.c.id).limit(limit)
    async with database.write() as session:
        if database.dialect == "postgresql":
            await session.execute(text("SET LOCAL statement_timeout = 0"))
        done = await session.execute(insert(E).from_select(["fire_key", *names], source))
        return int(done.rowcount)  # type: ignore[attr-defined]


def _ended(task_id: int, at: datetime) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "fire_key": f"c:{at.isoformat()}",
        "run_id": "0" * 32,
        "trigger": "schedule",
        "scheduled_for": at,
        "status": "failed" if task_id % 50 == 0 else "success",
        "available_at": at,
        "token": 1,
        "created_at": at,
        "started_at": at,
        "finished_at": at + timedelta(seconds=1),
        "exit_code": 1 if task_id % 50 == 0 else 0,
        "stdout": "hello\n",
        "stderr": "",
    }
