"""Workers: what each runs, and asking one to take nothing more."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from common.db.models import Execution, Task, Worker, table_of
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.db.wakeup import notify
from common.domain.states import Status
from common.errors import Conflict, NotFound
from common.queries.visibility import listed
from common.services import audit
from common.services.audit import Thing
from common.services.status import SILENT

E = table_of(Execution)
T = table_of(Task)
W = table_of(Worker)


async def drain(session: WriteSession, worker_id: str, *, by: str, now: datetime) -> str:
    """Have the worker take nothing more, from its next sign of life on; what it runs goes on. It stays so, also when
    it is started anew, until somebody calls `resume`. Returns its name; raises NotFound, Conflict."""
    row = await _lock(session, worker_id)
    if row.stopped_at is not None:
        raise Conflict("Worker {name} has stopped: there is nothing to drain.", name=row.name)
    if row.drain_asked_at is None:
        values = {"drain_asked_at": now, "drain_asked_by": by, "draining": True}
        await session.execute(update(W).where(W.c.id == worker_id).values(**values))
        await audit.record(session, "worker.drain", Thing("worker", worker_id, row.name), now=now)
        await notify(session)
    return str(row.name)


async def resume(session: WriteSession, worker_id: str, *, now: datetime) -> str:
    """Have the worker take executions again. Returns its name; raises NotFound."""
    row = await _lock(session, worker_id)
    if row.drain_asked_at is not None:
        values = {"drain_asked_at": None, "drain_asked_by": "", "draining": False}
        await session.execute(update(W).where(W.c.id == worker_id).values(**values))
        await audit.record(session, "worker.resume", Thing("worker", worker_id, row.name), now=now)
        await notify(session)
    return str(row.name)


async def forget(session: WriteSession, worker_id: str, *, now: datetime) -> str:
    """Remove a worker that is gone for good, so that it is no longer asked for. Returns its name; raises NotFound,
    Conflict while it is at work or its executions are not accounted for."""
    row = await _lock(session, worker_id)
    if row.stopped_at is None and now - row.heartbeat_at < SILENT:
        raise Conflict("Worker {name} is at work. Stop it first.", name=row.name)
    held = await session.scalar(select(E.c.id).where(E.c.worker_id == worker_id, E.c.status == Status.RUNNING).limit(1))
    if held is not None:
        raise Conflict(
            "Worker {name} still has executions. They are taken from it when their lease is over.", name=row.name
        )
    await session.execute(delete(W).where(W.c.id == worker_id))
    await audit.record(session, "worker.forget", Thing("worker", worker_id, row.name), now=now)
    return str(row.name)


async def name_of(session: ReadSession, worker_id: str) -> str:
    """What the worker is called; raises NotFound."""
    found: str | None = await session.scalar(select(W.c.name).where(W.c.id == worker_id))
    if found is None:
        raise NotFound("There is no worker {id}.", id=worker_id)
    return found


async def _lock(session: WriteSession, worker_id: str) -> Record:
    found = await session.execute(select(W).where(W.c.id == worker_id).with_for_update())
    row = found.first()
    if row is None:
        raise NotFound("There is no worker {id}.", id=worker_id)
    return row


async def running(session: ReadSession, worker_ids: Sequence[str], *, limit: int = 200) -> dict[str, list[Record]]:
    """What each of these workers runs, the longest first, of the tasks that whoever asks may see: id, task_id,
    task_name, started_at, pid."""
    found: dict[str, list[Record]] = {each: [] for each in worker_ids}
    rows = await session.execute(
        select(E.c.id, E.c.worker_id, E.c.task_id, T.c.name.label("task_name"), E.c.started_at, E.c.pid)
        .join(T, T.c.id == E.c.task_id)
        .where(E.c.worker_id.in_(worker_ids), E.c.status == Status.RUNNING, T.c.deleted_at.is_(None), listed(session))
        .order_by(E.c.started_at, E.c.id)
        .limit(limit)
    )
    for row in rows:
        found[row.worker_id].append(row)
    return found
