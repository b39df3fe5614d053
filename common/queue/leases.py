"""Leases: a worker renews what it holds; what nobody renews is taken away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, true, tuple_, update

from common.db.bulk import insert_ignore
from common.db.models import Attempt, Task, Worker, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.states import Status
from common.queue.claims import Key
from common.queue.transitions import E, settle_each

A = table_of(Attempt)
T = table_of(Task)
W = table_of(Worker)
#: How often an at_least_once execution is given to another worker before Rota stops trying: it may be what kills them.
MAX_LOSSES = 5


class Superseded(Exception):
    """A newer process of this worker is at work; this one must stop."""


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt the database says this worker has."""

    id: int
    token: int
    cancel_requested: bool
    spawned: bool
    #: When it was claimed, by the database's clock.
    since: datetime

    @property
    def key(self) -> Key:
        """Execution id and token."""
        return self.id, self.token


async def held(session: ReadSession, *, worker_id: str) -> list[Held]:
    """Every attempt the database says this worker is running."""
    rows = await session.execute(
        select(E.c.id, E.c.token, E.c.cancel_requested_at, E.c.spawned, E.c.started_at).where(
            E.c.worker_id == worker_id, E.c.status == Status.RUNNING
        )
    )
    return [Held(id_, token, asked is not None, spawned, since) for id_, token, asked, spawned, since in rows]


async def to_stop(session: ReadSession, *, worker_id: str) -> set[Key]:
    """What this worker runs and somebody asked to stop: cheap, to be asked often."""
    rows = await session.execute(
        select(E.c.id, E.c.token).where(
            E.c.worker_id == worker_id, E.c.status == Status.RUNNING, E.c.cancel_requested_at.is_not(None)
        )
    )
    return {(row.id, row.token) for row in rows}


async def asked_to_drain(session: ReadSession, *, worker_id: str) -> bool:
    """Whether somebody wants this worker to take nothing more."""
    return await session.scalar(select(W.c.drain_asked_at).where(W.c.id == worker_id)) is not None


async def renew(
    session: WriteSession,
    *,
    worker_id: str,
    generation: int,
    lease: float,
    now: datetime,
    draining: bool = False,
    **values: Any,
) -> list[Held]:
    """Renew every lease of this worker and note that it lives (`values`: its running, limits …). What somebody asked
    of it stays: a worker that is to drain is draining, whatever it says.

    Returns what it holds: what it runs and does not find there it must stop. Raises Superseded.
    """
    alive = await session.execute(
        update(W)
        .where(W.c.id == worker_id, W.c.generation == generation)
        .values(heartbeat_at=now, draining=true() if draining else W.c.drain_asked_at.is_not(None), **values)
    )
    if alive.rowcount != 1:  # type: ignore[attr-defined]
        raise Superseded(worker_id)
    mine = await held(session, worker_id=worker_id)
    if mine:
        await session.execute(
            update(E)
            .where(E.c.id.in_([item.id for item in mine]), E.c.worker_id == worker_id, E.c.status == Status.RUNNING)
            .values(lease_until=now + timedelta(seconds=lease))
        )
        # Once more, now that the rows are ours: one may have been taken away, even given to us again, in between.
        mine = await held(session, worker_id=worker_id)
    return mine


async def any_lapsed(session: ReadSession, *, now: datetime) -> bool:
    """Whether any lease is over: cheap, so that a scheduler with nothing to reap opens no write transaction."""
    lapsed = select(E.c.id).where(E.c.status == Status.RUNNING, E.c.lease_until < now).limit(1)
    return await session.scalar(lapsed) is not None


async def reap(session: WriteSession, *, now: datetime, limit: int = 200) -> list[Key]:
    """Take away up to `limit` attempts whose lease is over; returns their keys."""
    expired = [E.c.lease_until < now]
    return await _take_away(session, expired, now=now, limit=limit, error="no sign of life from worker {worker}")


async def abandon(
    session: WriteSession, *, worker_id: str, keys: Sequence[Key], now: datetime, error: str
) -> list[Key]:
    """A worker gives up attempts of its own that it knows to be gone; the same rules as `reap`."""
    where = [E.c.worker_id == worker_id, tuple_(E.c.id, E.c.token).in_(keys)]
    return await _take_away(session, where, now=now, limit=len(keys), error=error)


def fate(row: Any, *, may_run_again: bool) -> Status:
    """What becomes of a running attempt whose worker is gone (reliability.md, P2).

    Queued again when its process was never started or it may run twice; else lost. What somebody asked to stop is
    not started again.
    """
    losses = row.token - row.failures
    if not row.spawned or (may_run_again and losses <= MAX_LOSSES):
        return Status.CANCELLED if row.cancel_requested_at is not None else Status.QUEUED
    return Status.LOST


async def _take_away(
    session: WriteSession, where: Sequence[Any], *, now: datetime, limit: int, error: str
) -> list[Key]:
    """Take running attempts of `where` from their worker; `error` tells why ({worker} is its id)."""
    rows = (
        await session.execute(
            select(*_COLUMNS)
            .where(E.c.status == Status.RUNNING, *where)
            .order_by(E.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()
    again = await _may_run_again(session, [row.id for row in rows])
    taken: dict[Status, list[dict[str, Any]]] = {Status.QUEUED: [], Status.LOST: [], Status.CANCELLED: []}
    for row in rows:
        status = fate(row, may_run_again=row.id in again)
        gone = status is Status.QUEUED
        taken[status].append(
            {
                "row_id": row.id,
                "row_token": row.token,
                "lost_token": row.token,
                "lease_until": None,
                "worker_id": None if gone else row.worker_id,
                "spawned": row.spawned and not gone,
                "available_at": now if gone else row.available_at,
                "finished_at": None if gone else now,
                "error": None if gone else error.format(worker=row.worker_id),
            }
        )
    for status, values in taken.items():
        if values:
            await settle_each(session, status, values, *(name for name in values[0] if not name.startswith("row_")))
    await _note_losses(session, [row for row in rows if row.spawned], now=now, error=error)
    return [(row.id, row.token) for row in rows]


_COLUMNS = (
    E.c.id,
    E.c.token,
    E.c.spawned,
    E.c.worker_id,
    E.c.started_at,
    E.c.failures,
    E.c.available_at,
    E.c.cancel_requested_at,
)


async def _may_run_again(session: ReadSession, ids: Sequence[int]) -> set[int]:
    """The executions whose task says that running twice does no harm."""
    found = await session.scalars(
        select(E.c.id).join(T, T.c.id == E.c.task_id).where(E.c.id.in_(ids), T.c.delivery == "at_least_once")
    )
    return set(found)


async def _note_losses(session: WriteSession, rows: Sequence[Any], *, now: datetime, error: str) -> None:
    if rows:
        attempts = [
            {
                "execution_id": row.id,
                "token": row.token,
                "worker_id": row.worker_id,
                "status": Status.LOST,
                "started_at": row.started_at,
                "finished_at": now,
                "error": error.format(worker=row.worker_id),
            }
            for row in rows
        ]
        await insert_ignore(session, A, attempts)
