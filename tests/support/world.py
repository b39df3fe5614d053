"""Rows to test with: tasks, schedules, executions, and a clock that stands still."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import SQLModel

from common.clock import Clock
from common.db.models import Attempt, Execution, ExecutionOutput, Schedule, Task, Worker, table_of
from common.db.session import Database, ReadSession
from common.db.types import Record
from common.domain.states import Status
from common.queue import claims, enqueue
from common.queue.claims import Claim
from common.queue.finish import Result

E = table_of(Execution)
A = table_of(Attempt)
P = table_of(ExecutionOutput)
S = table_of(Schedule)
T = table_of(Task)
W = table_of(Worker)

NOW = datetime(2026, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC)
#: The last whole second before NOW.
DUE = NOW.replace(microsecond=0)


def after(seconds: float) -> datetime:
    """So many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


class StillClock(Clock):
    """A clock that moves when it is told to."""

    def __init__(self, instant: datetime = NOW) -> None:
        self.instant = instant
        self.seconds = 1000.0

    async def now(self, session: ReadSession) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.seconds

    def local(self) -> datetime:
        return self.instant

    def move(self, seconds: float) -> None:
        """Let time pass, by both clocks."""
        self.instant += timedelta(seconds=seconds)
        self.seconds += seconds


async def add_task(database: Database, **values: Any) -> int:
    """A task that runs `true`; gives its id."""
    spec: dict[str, Any] = {"env": {}, "args": [], "cwd": None}
    given: dict[str, Any] = {
        "name": "测试任务",
        "command": "true",
        "spec": spec,
        "created_at": NOW,
        "updated_at": NOW,
    } | values
    return await _insert(database, Task(**given))


async def add_schedule(database: Database, task_id: int, expr: str = "* * * * * *", **values: Any) -> int:
    """A schedule that is due at DUE unless `values` say otherwise; gives its id."""
    given: dict[str, Any] = {"task_id": task_id, "expr": expr, "next_run_at": DUE} | values
    return await _insert(database, Schedule(**given))


async def _insert(database: Database, row: SQLModel) -> int:
    """Insert it with its defaults, past the unit of work: compiling that for every test took half of its time."""
    table = table_of(type(row))
    values = {column.name: getattr(row, column.name) for column in table.c if column.name != "id"}
    async with database.write() as session:
        inserted = await session.execute(insert(table), values)
        return int(inserted.inserted_primary_key[0])  # type: ignore[attr-defined]


async def add_executions(database: Database, task_id: int, count: int = 1, **values: Any) -> list[int]:
    """Executions of the task, queued and available at NOW unless `values` say otherwise; gives their ids, in order."""
    async with database.write() as session:
        task = (await session.execute(select(T.c.id, T.c.queue, T.c.priority).where(T.c.id == task_id))).one()
        rows = [
            enqueue.row(task, key=enqueue.manual_key(), trigger="manual", scheduled_for=NOW, now=NOW) | values
            for _ in range(count)
        ]
        await enqueue.enqueue(session, rows)
    keys = [row["fire_key"] for row in rows]
    async with database.read() as session:
        found = {
            row.fire_key: row.id
            for row in await session.execute(select(E.c.id, E.c.fire_key).where(E.c.task_id == task_id))
        }
    return sorted(found[key] for key in keys)


async def add_worker(database: Database, worker_id: str = "wei", **values: Any) -> None:
    """The row of a worker."""
    given: dict[str, Any] = {
        "id": worker_id,
        "name": worker_id,
        "host": "here",
        "pid": 1,
        "boot_id": "b",
        "slots": 4,
        "started_at": NOW,
        "heartbeat_at": NOW,
    } | values
    async with database.write() as session:
        session.add(Worker(**given))


async def claim(
    database: Database,
    worker_id: str = "wei",
    *,
    limit: int = 1,
    lease: float = 60,
    now: datetime = NOW,
    queues: Sequence[str] = ("default",),
    spawned: bool = False,
) -> list[Claim]:
    """What this worker gets in one transaction."""
    async with database.write() as session:
        return await claims.claim(
            session, worker_id=worker_id, queues=queues, limit=limit, lease=lease, now=now, spawned=spawned
        )


async def claim_and_spawn(database: Database, worker_id: str = "wei", *, now: datetime = NOW) -> Claim:
    """One claim whose process may have been started."""
    (claimed,) = await claim(database, worker_id, now=now, spawned=True)
    return claimed


def result(claimed: Claim, status: Status = Status.SUCCESS, *, worker_id: str = "wei", **values: Any) -> Result:
    """How the attempt ended: with `hello` on its stdout unless `values` say otherwise."""
    given: dict[str, Any] = {
        "started_at": NOW,
        "finished_at": after(1),
        "exit_code": 0,
        "stdout": "hello\n",
        "stdout_bytes": 6,
    }
    return Result(id=claimed.id, token=claimed.token, status=status, worker_id=worker_id, **(given | values))


async def execution(database: Database, execution_id: int) -> Record:
    """The row as it is now."""
    async with database.read() as session:
        return (await session.execute(select(*E.c).where(E.c.id == execution_id))).one()


async def executions(database: Database, task_id: int | None = None) -> list[Record]:
    """Every row, or those of one task, oldest first."""
    async with database.read() as session:
        wanted = [E.c.task_id == task_id] if task_id is not None else []
        return list(await session.execute(select(*E.c).where(*wanted).order_by(E.c.scheduled_for, E.c.id)))


async def schedule(database: Database, schedule_id: int) -> Record:
    """The row as it is now."""
    async with database.read() as session:
        return (await session.execute(select(*S.c).where(S.c.id == schedule_id))).one()


async def attempts(database: Database, execution_id: int) -> list[Record]:
    """Its attempts, by token."""
    async with database.read() as session:
        found = select(*A.c).where(A.c.execution_id == execution_id).order_by(A.c.token)
        return list(await session.execute(found))


async def add_piece(database: Database, execution_id: int, token: int, data: bytes = b"x", seq: int = 1) -> None:
    """A piece of live output."""
    async with database.write() as session:
        values = {"execution_id": execution_id, "token": token, "seq": seq, "stream": "o", "at": 0.0, "data": data}
        await session.execute(insert(P).values(**values))


async def pieces(database: Database, execution_id: int) -> list[Record]:
    """Its pieces of output."""
    async with database.read() as session:
        found = select(*P.c).where(P.c.execution_id == execution_id).order_by(P.c.token, P.c.seq)
        return list(await session.execute(found))


async def change(database: Database, execution_id: int, **values: Any) -> None:
    """Put an execution into a state by force, past every rule."""
    async with database.write() as session:
        await session.execute(update(E).where(E.c.id == execution_id).values(**values))
