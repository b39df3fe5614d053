"""Rows for benchmarks, written straight into the tables: a million tasks through the API would take an hour."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, insert, literal_column, select, text

from common.db.models import Execution, Schedule, Task, table_of
from common.db.session import Database, WriteSession
from common.db.wakeup import notify
from common.queue.enqueue import fire_key

T, S, E = table_of(Task), table_of(Schedule), table_of(Execution)
_CHUNK = 5_000
_HISTORY = timedelta(days=89)
#: How each database adds seconds to a time, and writes the key of a firing at one.
_SHIFTED = {
    "sqlite": (
        "strftime('%Y-%m-%d %H:%M:%f000', {column}, '+{seconds} seconds')",
        "'c:' || replace({at}, ' ', 'T') || 'Z'",
    ),
    "postgresql": (
        "{column} + interval '{seconds} seconds'",
        """to_char(({at}) AT TIME ZONE 'UTC', '"c:"YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    ),
    "mysql": ("{column} + INTERVAL {seconds} SECOND", "DATE_FORMAT({at}, 'c:%Y-%m-%dT%H:%i:%s.%fZ')"),
}

_SETTLING = {
    "postgresql": ("SET statement_timeout = 0", "VACUUM (ANALYZE) tasks, schedules, executions"),
    "mysql": ("ANALYZE TABLE tasks, schedules, executions",),
}


async def tasks_due(database: Database, instants: Sequence[datetime], *, command: str, now: datetime) -> None:
    """One shell task for each instant, to run once then."""
    await _add(database, [(f"bench {number}", "once", at) for number, at in enumerate(instants)], command, now)


async def idle_tasks(database: Database, count: int, *, now: datetime) -> None:
    """So many tasks that run once a day, none of them within the next hours; they have been there for a while."""
    first = now + timedelta(hours=6)
    plans = [(f"idle {number}", "cron", first + timedelta(seconds=number % 40_000)) for number in range(count)]
    await _add(database, plans, "true", now - timedelta(days=100))


async def _add(database: Database, plans: Sequence[tuple[str, str, datetime]], command: str, now: datetime) -> None:
    for start in range(0, len(plans), _CHUNK):
        chunk = plans[start : start + _CHUNK]

        async def write(session: WriteSession, chunk: Sequence[tuple[str, str, datetime]] = chunk) -> None:
            first = (await session.scalar(select(func.max(T.c.id))) or 0) + 1
            common = {"command": command, "created_at": now, "updated_at": now, "concurrency": "allow"}
            rows = [
                {"id": first + n, "name": plan[0], "tags": _tags(first + n)} | common for n, plan in enumerate(chunk)
            ]
            await session.execute(insert(T), rows)
            await session.execute(insert(S), [_schedule(first + n, *plan[1:]) for n, plan in enumerate(chunk)])
            await notify(session)

        await database.transact(write)


def _tags(number: int) -> list[str]:
    return ["nightly", f"team-{number % 40}"] if number % 3 == 0 else []


def _schedule(task_id: int, kind: str, at: datetime) -> dict[str, Any]:
    expr = at.isoformat() if kind == "once" else f"{at.second} {at.minute} {at.hour} * * *"
    return {"task_id": task_id, "kind": kind, "expr": expr, "next_run_at": at}


async def history(database: Database, count: int, *, now: datetime, step: int = 100_000) -> None:
    """So many finished executions, evenly over all tasks and the last 89 days: not one is old enough to be deleted.

    Ids grow with time, as they do in a database that has filled by itself. One for each task is sent, the rest are
    copies that the database makes itself, each round of them a while later.
    """
    async with database.read() as session:
        tasks = list(await session.scalars(select(T.c.id).order_by(T.c.id).limit(count)))
    rounds = -(-count // len(tasks))
    begin, width = now - _HISTORY, _HISTORY / rounds
    for start in range(0, len(tasks), _CHUNK):
        chunk = [
            _ended(task_id, begin + width * ((start + offset) / len(tasks)))
            for offset, task_id in enumerate(tasks[start : start + _CHUNK])
        ]

        async def write(session: WriteSession, rows: list[dict[str, Any]] = chunk) -> None:
            await session.execute(insert(E), rows)

        await database.transact(write)
    for number in range(1, rounds):
        left = min(len(tasks), count - number * len(tasks))
        for start in range(0, left, step):
            await _copy(database, later=width * number, skip=start, limit=min(step, left - start))
    await _settle(database)


async def _copy(database: Database, *, later: timedelta, skip: int, limit: int) -> None:
    """Copy executions of the first round, as if each had been run again `later`."""
    times = ("scheduled_for", "available_at", "created_at", "started_at", "finished_at")
    columns = {column.name: column for column in E.c if column.name != "id"}
    seconds = int(later.total_seconds())
    shifted, key = _SHIFTED[database.dialect]
    words: dict[str, ColumnElement[Any]] = {
        name: literal_column(shifted.format(column=name, seconds=seconds)) for name in times
    }
    words["fire_key"] = literal_column(key.format(at=shifted.format(column="scheduled_for", seconds=seconds)))
    source = select(*(words.get(name, column) for name, column in columns.items())).order_by(E.c.id)
    async with database.write() as session:
        if database.dialect == "postgresql":
            await session.execute(text("SET LOCAL statement_timeout = 0"))
        first = await session.scalar(select(func.min(E.c.id)))
        part = source.where(E.c.id >= first + skip, E.c.id < first + skip + limit)
        await session.execute(insert(E).from_select([*columns], part))


async def _settle(database: Database) -> None:
    """Have the database know its tables, as one does that has filled by itself. SQLite never looks by itself."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in _SETTLING.get(database.dialect, ()):
            await connection.execute(text(statement))


def _ended(task_id: int, at: datetime) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "fire_key": fire_key(at),
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
