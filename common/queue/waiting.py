"""What waits for an earlier execution of its task (concurrency policies `queue` and `replace`)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from common.db.session import ReadSession, WriteSession
from common.domain.states import Status
from common.queue.transitions import E, move

_BUSY = (Status.QUEUED, Status.RUNNING)


async def active_of(session: ReadSession, *, task_ids: Sequence[int]) -> dict[int, list[int]]:
    """The active executions of each of these tasks: task id -> execution ids."""
    rows = await session.execute(
        select(E.c.task_id, E.c.id).where(E.c.task_id.in_(task_ids), E.c.status.in_((Status.WAITING, *_BUSY)))
    )
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row.task_id, []).append(row.id)
    return found


async def promote(session: WriteSession, *, now: datetime, limit: int = 200) -> int:
    """Queue the oldest waiting execution of every task that has nothing queued or running; returns how many."""
    busy = E.alias("busy")
    free = (
        select(func.min(E.c.id))
        .where(
            E.c.status == Status.WAITING,
            ~select(busy.c.id).where(busy.c.task_id == E.c.task_id, busy.c.status.in_(_BUSY)).exists(),
        )
        .group_by(E.c.task_id)
        .limit(limit)
    )
    ids = sorted(await session.scalars(free))
    if not ids:
        return 0
    result = await session.execute(
        move(Status.QUEUED, origin=[Status.WAITING], where=[E.c.id.in_(ids)], available_at=now)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


async def any_waiting(session: ReadSession) -> bool:
    """Whether anything waits at all: cheap, so that an idle scheduler opens no write transaction."""
    found = await session.scalar(select(E.c.id).where(E.c.status == Status.WAITING).limit(1))
    return found is not None
