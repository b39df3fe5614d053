"""Deleting finished executions with their attempts and output, in small batches."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from common.db.functions import unled
from common.db.models import Artifact, Attempt, ExecutionOutput, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.states import FINAL
from common.queue.transitions import E

A = table_of(Attempt)
R = table_of(Artifact)
P = table_of(ExecutionOutput)
_FINAL = sorted(FINAL)
_BATCH = 500


async def delete_executions(session: WriteSession, ids: Sequence[int]) -> None:
    """Delete these executions and what hangs on them. Their files expire: `scheduler.prune` deletes those."""
    files = update(R).where(R.c.execution_id.in_(ids), R.c.expires_at > R.c.created_at)
    await session.execute(files.values(expires_at=R.c.created_at))
    await session.execute(delete(P).where(P.c.execution_id.in_(ids)))
    await session.execute(delete(A).where(A.c.execution_id.in_(ids)))
    await session.execute(delete(E).where(E.c.id.in_(ids)))


async def has_more_than(session: ReadSession, *, task_id: int, keep: int) -> bool:
    """Whether a task has more than `keep` finished executions."""
    finished = select(E.c.id).where(E.c.task_id == task_id, unled(E.c.status).in_(_FINAL))
    return await session.scalar(finished.order_by(E.c.id.desc()).limit(1).offset(keep)) is not None


async def delete_finished(
    session: WriteSession, *, task_id: int, keep: int = 0, before: datetime | None = None, limit: int = 50_000
) -> int:
    """Delete up to `limit` finished executions of a task but the newest `keep`, finished before `before` if given.

    Returns how many were deleted.
    """
    mine = [E.c.task_id == task_id, unled(E.c.status).in_(_FINAL)]
    last_kept = await session.scalar(
        select(E.c.id).where(*mine).order_by(E.c.id.desc()).limit(1).offset(max(keep - 1, 0))
    )
    if keep > 0:
        if last_kept is None:
            return 0
        mine.append(E.c.id < last_kept)
    if before is not None:
        mine.append(E.c.finished_at < before)
    deleted = 0
    while deleted < limit:
        ids = list(await session.scalars(select(E.c.id).where(*mine).order_by(E.c.id).limit(_BATCH)))
        if not ids:
            break
        await delete_executions(session, ids)
        deleted += len(ids)
    return deleted
