"""What is left when it is over: rows, moves, the tasks' own log, processes."""

import contextlib
from pathlib import Path

import psutil
from sqlalchemy import select, text

from common.db.models import Attempt, Execution, ExecutionOutput, Task, table_of
from common.db.session import Database
from common.services import executions
from tests.chaos.workload import MARK
from tests.support.history import Row

E = table_of(Execution)
A = table_of(Attempt)
P = table_of(ExecutionOutput)
T = table_of(Task)
Move = tuple[int, str, str]

_TABLE = (
    "CREATE TABLE chaos_moves (execution_id BIGINT NOT NULL, source VARCHAR(16) NOT NULL, target VARCHAR(16) NOT NULL)"
)
_NOTE = "INSERT INTO chaos_moves VALUES (NEW.id, OLD.status, NEW.status)"
_TRIGGERS = {
    "postgresql": (
        f"CREATE FUNCTION chaos_note() RETURNS trigger AS $$ BEGIN {_NOTE}; RETURN NULL; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER chaos_note AFTER UPDATE ON executions FOR EACH ROW"
        " WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION chaos_note()",
    ),
    "mysql": (
        "CREATE TRIGGER chaos_note AFTER UPDATE ON executions FOR EACH ROW"
        f" BEGIN IF OLD.status <> NEW.status THEN {_NOTE}; END IF; END",
    ),
    "sqlite": (
        "CREATE TRIGGER chaos_note AFTER UPDATE ON executions FOR EACH ROW WHEN OLD.status <> NEW.status"
        f" BEGIN {_NOTE}; END",
    ),
}


async def watch_moves(database: Database) -> None:
    """Have the database itself note every change of state that is committed."""
    async with database.write() as session:
        connection = await session.connection()
        for statement in (_TABLE, *_TRIGGERS[database.dialect]):
            await connection.exec_driver_sql(statement)


async def moves(database: Database) -> list[Move]:
    """Every change of state: execution id, from, to."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT execution_id, source, target FROM chaos_moves"))
        return [(row.execution_id, row.source, row.target) for row in rows]


async def rows(database: Database) -> list[Row]:
    """Every execution as `check_history` wants it."""
    async with database.read() as session:
        exact = set(await session.scalars(select(P.c.execution_id).distinct()))
        found = (await session.execute(select(*E.c, T.c.delivery).join(T, T.c.id == E.c.task_id))).all()
        stdout = {
            row.id: await executions.bytes_of(session, row, "o") if row.id in exact else (row.stdout or "").encode()
            for row in found
        }
    return [
        Row(
            row.id,
            row.task_id,
            row.scheduled_for,
            row.status,
            row.token,
            row.trigger,
            row.delivery,
            row.instants,
            row.scheduled_until,
            stdout[row.id],
            row.failures,
        )
        for row in found
    ]


async def lateness(database: Database) -> list[float]:
    """Seconds from each instant that was fired to its row, smallest first."""
    async with database.read() as session:
        fired = select(E.c.scheduled_for, E.c.created_at).where(E.c.trigger == "schedule", E.c.instants == 1)
        return sorted((row.created_at - row.scheduled_for).total_seconds() for row in await session.execute(fired))


def processes(mark: str, folder: Path) -> list[str]:
    """Whatever still runs for this run of the test: what a task started, and runners."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            command = process.cmdline()
            ours = process.environ().get(MARK) == mark or any(f"{folder}/" in argument for argument in command)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(command)[:120]}")
    return found
