"""Queues: who serves them, what is in them, and why what waits there waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from common.db.models import Execution, Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.states import ACTIVE, Status
from common.queries import overview
from common.queries.visibility import listed
from common.services import status

E = table_of(Execution)
T = table_of(Task)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An execution that waits. `code`: no_worker, draining, slot (`before` are ahead of it), retry, later, upstream."""

    id: int
    task_id: int
    task_name: str
    priority: int
    available_at: datetime
    code: str
    before: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: how many run and wait, who serves it. `code` says why the first one waits; empty where none does."""

    name: str
    running: int
    queued: int
    waiting: int
    oldest: datetime | None
    workers: list[Record]
    slots: int
    busy: int
    tasks: int
    items: list[Waiting]

    @property
    def code(self) -> str:
        """Why what is at the head of the queue waits."""
        return self.items[0].code if self.items else ""


async def all_of(session: ReadSession, *, now: datetime, listed_each: int = 10) -> list[Queue]:
    """Every queue that a worker serves, a task names or something is in, by name; counts are of the tasks that whoever
    asks may see."""
    found = await status.processes(session, now=now)
    alive = found.alive(found.workers)
    active = await overview.active_by_queue(session)
    tasks = await _tasks(session)
    names = {row.queue for row in active} | set(tasks) | {queue for row in alive for queue in row.queues}
    queues = []
    for name in sorted(names, key=lambda each: (each != "default", each)):
        counts = {row.status: row for row in active if row.queue == name}
        workers = [row for row in alive if name in row.queues]
        takers = [row for row in workers if not row.draining]
        slots = sum(row.slots for row in takers)
        number = {state: counts[state].executions if state in counts else 0 for state in ACTIVE}
        open_ = number[Status.QUEUED] + number[Status.WAITING]
        items = await _items(session, name, workers, now=now, limit=listed_each) if open_ else []
        queued = counts.get(Status.QUEUED)
        queues.append(
            Queue(
                name=name,
                running=number[Status.RUNNING],
                queued=number[Status.QUEUED],
                waiting=number[Status.WAITING],
                oldest=queued.oldest if queued else None,
                workers=workers,
                slots=slots,
                # What workers say is some seconds old.
                busy=min(slots, max(number[Status.RUNNING], sum(row.running for row in takers))),
                tasks=tasks.get(name, 0),
                items=items,
            )
        )
    return queues


async def _tasks(session: ReadSession) -> dict[str, int]:
    rows = await session.execute(
        select(T.c.queue, func.count()).where(T.c.deleted_at.is_(None), listed(session)).group_by(T.c.queue)
    )
    return {row[0]: row[1] for row in rows}


async def _items(
    session: ReadSession, queue: str, workers: Sequence[Record], *, now: datetime, limit: int
) -> list[Waiting]:
    """The first of a queue in the order in which they are taken, then what waits for something else."""
    found: list[Waiting] = []
    for state in (Status.QUEUED, Status.WAITING):
        rows = await session.execute(
            select(E.c.id, E.c.task_id, T.c.name, E.c.priority, E.c.available_at, E.c.token, E.c.status)
            .join(T, T.c.id == E.c.task_id)
            .where(E.c.queue == queue, E.c.status == state, T.c.deleted_at.is_(None), listed(session))
            .order_by(E.c.priority, E.c.available_at, E.c.id)
            .limit(limit - len(found))
        )
        for row in rows:
            code = _code(row, workers, now=now)
            before = sum(each.code == "slot" for each in found)
            found.append(Waiting(row.id, row.task_id, row.name, row.priority, row.available_at, code, before))
    return found


def _code(row: Record, workers: Sequence[Record], *, now: datetime) -> str:
    if row.status == Status.WAITING:
        return "upstream"
    if row.available_at > now:
        return "retry" if row.token else "later"
    if not workers:
        return "no_worker"
    return "slot" if any(not each.draining for each in workers) else "draining"
