"""How Rota is: what answers, who is at work, how much there is to do."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from common.db.models import Execution, Scheduler, Task, Worker, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import sees_all
from common.domain.states import ACTIVE
from common.queries.visibility import listed

E = table_of(Execution)
T = table_of(Task)
W = table_of(Worker)
S = table_of(Scheduler)
#: A process that has been silent for so long is not counted as at work.
SILENT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Processes:
    """Who is at work; `now` is the database's."""

    now: datetime
    schedulers: Sequence[Record]
    workers: Sequence[Record]

    def alive(self, rows: Sequence[Record]) -> list[Record]:
        """Those that have given a sign of life lately."""
        return [
            row for row in rows if self.now - row.heartbeat_at < SILENT and getattr(row, "stopped_at", None) is None
        ]

    def serving(self, queue: str) -> list[Record]:
        """The workers at work that take executions of this queue."""
        return [row for row in self.alive(self.workers) if queue in row.queues and not row.draining]


async def processes(session: ReadSession, *, now: datetime) -> Processes:
    """The schedulers and workers that were at work within the last day."""
    since = now - timedelta(days=1)
    schedulers = await session.execute(select(S).where(S.c.heartbeat_at > since).order_by(S.c.started_at))
    workers = await session.execute(select(W).where(W.c.heartbeat_at > since).order_by(W.c.name))
    return Processes(now, list(schedulers), list(workers))


async def latency(session: ReadSession) -> float:
    """How many seconds the database took to answer the smallest question."""
    begin = time.perf_counter()
    await session.scalar(select(1))
    return time.perf_counter() - begin


async def load(session: ReadSession) -> dict[str, int]:
    """How many tasks there are, and executions in each active state; of the tasks that whoever asks may see."""
    found = {str(state): 0 for state in sorted(ACTIVE)}
    active = select(E.c.status, func.count()).where(E.c.status.in_(sorted(ACTIVE))).group_by(E.c.status)
    if not sees_all(session.actor):
        active = active.select_from(E.join(T, T.c.id == E.c.task_id)).where(listed(session))
    rows = await session.execute(active)
    found |= dict(iter(rows))
    tasks = await session.scalar(select(func.count()).select_from(T).where(T.c.deleted_at.is_(None), listed(session)))
    return {"tasks": tasks or 0, **found}
