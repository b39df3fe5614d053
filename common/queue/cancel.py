"""Stopping: what has not started is cancelled at once, what runs is marked and its worker ends it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update

from common.db.session import WriteSession
from common.domain.states import ACTIVE, Status
from common.queue.transitions import E, move


async def request_stop(
    session: WriteSession, where: Sequence[ColumnElement[bool]], *, by: str, now: datetime
) -> dict[int, Status]:
    """Stop every active execution of `where`; returns each one's id and the state it was found in."""
    rows = await session.execute(
        select(E.c.id, E.c.status).where(E.c.status.in_(sorted(ACTIVE)), *where).order_by(E.c.id).with_for_update()
    )
    found = {row.id: Status(row.status) for row in rows}
    pending = [id_ for id_, status in found.items() if status is not Status.RUNNING]
    running = [id_ for id_, status in found.items() if status is Status.RUNNING]
    if pending:
        await session.execute(
            move(
                Status.CANCELLED,
                origin=[Status.WAITING, Status.QUEUED],
                where=[E.c.id.in_(pending)],
                cancel_requested_at=now,
                cancelled_by=by,
                finished_at=now,
            )
        )
    if running:
        await session.execute(
            update(E)
            .where(E.c.id.in_(running), E.c.cancel_requested_at.is_(None))
            .values(cancel_requested_at=now, cancelled_by=by)
        )
    return found


async def skip_queued(session: WriteSession, *, task_ids: Sequence[int], reason: str, now: datetime) -> None:
    """Skip what the schedule queued for these tasks and nobody has started: the task was paused first."""
    untouched: list[Any] = [E.c.task_id.in_(task_ids), E.c.trigger == "schedule", E.c.token == 0]
    await session.execute(
        move(
            Status.SKIPPED,
            origin=[Status.QUEUED, Status.WAITING],
            where=untouched,
            reason=reason,
            finished_at=now,
        )
    )
