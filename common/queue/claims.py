"""Claiming: a worker takes queued executions for itself, and says so before it starts one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, func, select, tuple_, update

from common.db.models import Task, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.states import Status
from common.queue.transitions import E, move

T = table_of(Task)
#: One claimed attempt: execution id and token.
Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt a worker has taken, with all it needs to run it."""

    id: int
    token: int
    task_id: int
    task_name: str
    kind: str
    command: str
    spec: dict[str, Any]
    trigger: str
    scheduled_for: datetime
    run_id: str
    timeout: float | None
    retries: int
    retry_delay: float
    retry_backoff: float
    failures: int
    delivery: str
    #: Version of the task's definition, and the one that the row says: the same, but for a moment in a claim.
    version: int = 1
    noted: int | None = 1

    @property
    def key(self) -> Key:
        """Execution id and token."""
        return self.id, self.token


async def claim(
    session: WriteSession, *, worker_id: str, queues: Sequence[str], limit: int, lease: float, now: datetime
) -> list[Claim]:
    """Take up to `limit` executions that are due, the most urgent first, with a lease of `lease` seconds.

    Two steps in one transaction, the same on every database: MySQL can neither UPDATE … RETURNING nor LIMIT inside
    IN (…). One query per queue, so that the index gives the order: with a filesort one claimer on MariaDB locks
    every row it scanned and the next gets nothing.
    """
    taken: list[int] = []
    for queue in queues:
        if len(taken) < limit:
            due = (
                select(E.c.id)
                .where(E.c.queue == queue, E.c.status == Status.QUEUED, E.c.available_at <= now)
                .order_by(E.c.priority, E.c.available_at, E.c.id)
                .limit(limit - len(taken))
                .with_for_update(skip_locked=True)
            )
            taken += (await session.scalars(due)).all()
    if not taken:
        return []
    await session.execute(
        move(
            Status.RUNNING,
            origin=[Status.QUEUED],
            where=[E.c.id.in_(taken)],
            token=E.c.token + 1,
            worker_id=worker_id,
            lease_until=now + timedelta(seconds=lease),
            started_at=now,
            finished_at=None,
            spawned=False,
            exit_code=None,
            signal=None,
            error=None,
            stdout=None,
            stderr=None,
            report=None,
            timing=None,
            warnings=0,
            pid=None,
            version=select(T.c.version).where(T.c.id == E.c.task_id).scalar_subquery(),
        )
    )
    claimed = await _load(session, taken)
    # Somebody may have changed a task between the two statements: what was read is what runs.
    for claim in claimed:
        if claim.version != claim.noted:
            await session.execute(update(E).where(E.c.id == claim.id).values(version=claim.version))
    return claimed


async def _load(session: ReadSession, ids: Sequence[int]) -> list[Claim]:
    rows = await session.execute(
        select(
            E.c.id,
            E.c.token,
            E.c.task_id,
            T.c.name.label("task_name"),
            T.c.kind,
            T.c.command,
            T.c.spec,
            E.c.trigger,
            E.c.scheduled_for,
            E.c.run_id,
            T.c.timeout,
            T.c.retries,
            T.c.retry_delay,
            T.c.retry_backoff,
            E.c.failures,
            T.c.delivery,
            T.c.version,
            E.c.version.label("noted"),
        )
        .join(T, T.c.id == E.c.task_id)
        .where(E.c.id.in_(ids))
        .order_by(E.c.priority, E.c.available_at, E.c.id)
    )
    return [_claim(mapping) for mapping in rows.mappings()]


async def load(session: ReadSession, keys: Sequence[Key]) -> dict[Key, Claim]:
    """The claims behind `keys`, for a worker that takes over from its predecessor; those not current are missing."""
    wanted = set(keys)
    found = await _load(session, sorted({execution_id for execution_id, _ in wanted}))
    return {claim.key: claim for claim in found if claim.key in wanted}


def _claim(mapping: RowMapping) -> Claim:
    return Claim(**mapping)


async def next_available(session: ReadSession, *, queues: Sequence[str]) -> datetime | None:
    """When the next execution of these queues may be claimed; None when none is queued."""
    soonest = select(func.min(E.c.available_at)).where(E.c.queue.in_(queues), E.c.status == Status.QUEUED)
    available: datetime | None = await session.scalar(soonest)
    return available


async def mark_spawned(session: WriteSession, *, worker_id: str, keys: Sequence[Key]) -> set[Key]:
    """Say that these attempts may be started from now on; returns those that are still ours.

    Only what is returned may be started: from here on an at_most_once execution is never given to anybody else.
    """
    mine = [E.c.worker_id == worker_id, E.c.status == Status.RUNNING, tuple_(E.c.id, E.c.token).in_(keys)]
    result = await session.execute(update(E).where(*mine).values(spawned=True))
    if result.rowcount == len(keys):  # type: ignore[attr-defined]
        return set(keys)
    rows = await session.execute(select(E.c.id, E.c.token).where(*mine))
    return {(row.id, row.token) for row in rows}


async def mark_started(session: WriteSession, started: Sequence[tuple[int, int, int]]) -> None:
    """Note the process ids of started attempts: (execution id, token, pid)."""
    for execution_id, token, pid in started:
        await session.execute(
            update(E).where(E.c.id == execution_id, E.c.token == token, E.c.status == Status.RUNNING).values(pid=pid)
        )
