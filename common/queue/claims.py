"""Claiming: a worker takes queued executions for itself, and says so before it starts one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, null, select, tuple_, update
from sqlalchemy.sql import Executable
from sqlalchemy.sql.dml import Update

from common.db.bulk import Value, run_each
from common.db.functions import returns_what_it_joined
from common.db.models import Task, table_of
from common.db.prepared import Prepared, one_of
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
    session: WriteSession,
    *,
    worker_id: str,
    queues: Sequence[str],
    limit: int,
    lease: float,
    now: datetime,
    spawned: bool = False,
    deep: bool = True,
) -> list[Claim]:
    """Take up to `limit` executions that are due, the most urgent first, with a lease of `lease` seconds.

    `spawned`: they may be started as soon as this is committed, and no at_most_once execution among them is given to
    anybody else, until somebody who knows says that it was not (`unmark_spawned`). `deep`: more may wait than that.

    One query per queue, so that the index gives the order: with a filesort one claimer on MariaDB locks every row it
    scanned and the next gets nothing.
    """
    given = {"worker_id": worker_id, "lease_until": now + timedelta(seconds=lease), "now": now, "spawned": spawned}
    found: list[Claim] = []
    if deep and returns_what_it_joined(session):
        # PostgreSQL keeps plans. In one that it made for an empty table each row that is taken reads the whole queue.
        await _PLAN(session)
    for queue in queues:
        if len(found) < limit:
            place = {"queue": queue, "most": limit - len(found)}
            if returns_what_it_joined(session):
                rows = await _TAKE(session, **place, **given)
                found += [_claim(row) for row in sorted(rows, key=_order)]
            elif ids := [row[0] for row in await _DUE(session, **place, now=now)]:
                await run_each(session, _take_row, _TAKEN, [{"row_id": id_} for id_ in ids], **given)
                found += await _load(session, ids)
    # Somebody may have changed a task between two statements: what was read is what runs.
    for claim in found:
        if claim.version != claim.noted:
            await session.execute(update(E).where(E.c.id == claim.id).values(version=claim.version))
    return found


def _due() -> Select[int]:
    return (
        select(E.c.id)
        .where(E.c.queue == bindparam("queue"), E.c.status == Status.QUEUED, E.c.available_at <= bindparam("now"))
        .order_by(E.c.priority, E.c.available_at, E.c.id)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )


def _running(where: Sequence[ColumnElement[bool]], value: Value, version: ColumnElement[int]) -> Update:
    return move(
        Status.RUNNING,
        origin=[Status.QUEUED],
        where=where,
        token=E.c.token + 1,
        worker_id=value("worker_id"),
        lease_until=value("lease_until"),
        started_at=value("now"),
        finished_at=null(),
        spawned=value("spawned"),
        exit_code=null(),
        signal=null(),
        error=null(),
        stdout=null(),
        stderr=null(),
        report=null(),
        timing=null(),
        warnings=0,
        pid=null(),
        version=version,
    )


def _take_row(value: Value) -> Update:
    version = select(T.c.version).where(T.c.id == E.c.task_id).scalar_subquery()
    return _running([E.c.id == value("row_id")], value, version)


def _take(dialect: str) -> Executable:
    """Claim and return all in one statement."""
    chosen = _due().cte("due").prefix_with("MATERIALIZED", dialect="postgresql")
    mine = [E.c.id == chosen.c.id, T.c.id == E.c.task_id]
    types = dict(_TAKEN)
    taking = _running(mine, lambda name: bindparam(name, type_=types[name]), T.c.version)
    return taking.returning(*_COLUMNS, *_ORDER)


_TAKEN = (
    ("row_id", E.c.id.type),
    ("worker_id", E.c.worker_id.type),
    ("lease_until", E.c.lease_until.type),
    ("now", E.c.started_at.type),
    ("spawned", E.c.spawned.type),
)
#: The fields of a `Claim`.
_COLUMNS = (
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
_ORDER = (E.c.priority, E.c.available_at, E.c.id.label("place"))


_DUE = Prepared(lambda dialect: _due())
_PLAN = Prepared(lambda dialect: select(func.set_config("plan_cache_mode", "force_custom_plan", True)))
_TAKE = Prepared(_take)
_LOAD = Prepared(
    lambda dialect: (
        select(*_COLUMNS)
        .join(T, T.c.id == E.c.task_id)
        .where(one_of(dialect, E.c.id, "ids"))
        .order_by(*_ORDER[:-1], E.c.id)
    )
)


def _claim(row: tuple[Any, ...]) -> Claim:
    return Claim(*row[: len(_COLUMNS)])


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[len(_COLUMNS) :]


async def _load(session: ReadSession, ids: Sequence[int]) -> list[Claim]:
    return [_claim(row) for row in await _LOAD(session, ids=list(ids))]


async def load(session: ReadSession, keys: Sequence[Key]) -> dict[Key, Claim]:
    """The claims behind `keys`, for a worker that takes over from its predecessor; those not current are missing."""
    wanted = set(keys)
    found = await _load(session, sorted({execution_id for execution_id, _ in wanted}))
    return {claim.key: claim for claim in found if claim.key in wanted}


async def next_available(session: ReadSession, *, queues: Sequence[str]) -> datetime | None:
    """When the next execution of these queues may be claimed; None when none is queued."""
    soonest = select(func.min(E.c.available_at)).where(E.c.queue.in_(queues), E.c.status == Status.QUEUED)
    available: datetime | None = await session.scalar(soonest)
    return available


async def unmark_spawned(session: WriteSession, *, worker_id: str, keys: Sequence[Key]) -> None:
    """Say that these attempts were not started, and will not be: somebody else may be given them."""
    mine = [E.c.worker_id == worker_id, E.c.status == Status.RUNNING, tuple_(E.c.id, E.c.token).in_(keys)]
    await session.execute(update(E).where(*mine, E.c.spawned).values(spawned=False))


async def mark_started(session: WriteSession, started: Sequence[tuple[int, int, int]]) -> None:
    """Note the process ids of started attempts: (execution id, token, pid)."""
    for execution_id, token, pid in started:
        await session.execute(
            update(E).where(E.c.id == execution_id, E.c.token == token, E.c.status == Status.RUNNING).values(pid=pid)
        )
