"""What waits for an earlier execution of its task (concurrency policies `queue` and `replace`)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, or_, select

from common.db.prepared import Prepared, one_of
from common.db.session import ReadSession, WriteSession
from common.domain.states import Status
from common.queue.transitions import E, move

_BUSY = (Status.QUEUED, Status.RUNNING)


async def active_of(session: ReadSession, *, task_ids: Sequence[int]) -> dict[int, list[int]]:
    """The active executions of each of these tasks: task id -> execution ids."""
    found: dict[int, list[int]] = {}
    for task_id, execution_id in await _ACTIVE_OF(session, task_ids=list(task_ids)):
        found.setdefault(task_id, []).append(execution_id)
    return found


def _active_of(dialect: str) -> Select[int, int]:
    active = or_(*(E.c.status == status for status in (Status.WAITING, *_BUSY)))
    return select(E.c.task_id, E.c.id).where(one_of(dialect, E.c.task_id, "task_ids"), active)


_ACTIVE_OF = Prepared(_active_of)


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
