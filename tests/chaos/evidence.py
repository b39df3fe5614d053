"""What is left when it is over: rows, moves, the tasks' own log, processes."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from sqlalchemy import func, select, text

from common.db.models import Execution, ExecutionOutput, Schedule, Task, table_of
from common.db.session import Database
from common.domain.states import ACTIVE
from common.process import pause
from common.services import executions
from tests.chaos.crew import PATIENCE
from tests.chaos.workload import MARK
from tests.support.history import Row, Violation, check_history

E = table_of(Execution)
P = table_of(ExecutionOutput)
S = table_of(Schedule)
T = table_of(Task)
Move = tuple[int, str, str]
#: Seconds without anything to do, after which nothing more is expected.
_CALM = 2.0

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


@dataclass(frozen=True, slots=True)
class Case:
    """One run: where its processes have their folders, the log of its tasks, the mark of what they started."""

    folder: Path
    side: Path
    mark: str

    async def examine(
        self, database: Database, due: Mapping[int, Collection[datetime]]
    ) -> tuple[list[Row], list[Move], list[Violation]]:
        """Rows, moves, and what does not hold of them; to be asked once everybody has been told to go home."""
        found, changes = await rows(database), await moves(database)
        lines = self.side.read_text().splitlines()
        return found, changes, check_history(found, due, lines, changes, await self._left_over())

    async def _left_over(self) -> list[str]:
        """What still runs: looked at until nothing does, for as long as an orderly end may take."""
        found: list[psutil.Process] = []
        for _ in range(50):
            found = processes(self.mark, self.folder)
            if not found:
                break
            await pause(0.2)
        return [str(process) for process in found]


async def rest(database: Database, patience: float = PATIENCE) -> None:
    """Wait until nothing is due any more, nothing is active, and it stays so; or until `patience` (seconds) is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    at_rest_since = None
    while loop.time() < end and (at_rest_since is None or loop.time() < at_rest_since + _CALM):
        async with database.read() as session:
            active = await session.scalar(select(func.count()).where(E.c.status.in_(sorted(ACTIVE))))
            due = await session.scalar(select(func.count()).where(S.c.next_run_at.is_not(None)))
        at_rest_since = None if active or due else at_rest_since or loop.time()
        await pause(0.1)


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


def processes(mark: str, folder: Path) -> list[psutil.Process]:
    """Whatever still runs for this run of the test: what a task started, and runners."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            command = process.cmdline()
            ours = process.environ().get(MARK) == mark or any(f"{folder}/" in argument for argument in command)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
