"""Watching a run from outside, in the database: when every row was there, when all had ended, how late each was."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from benchmarks.seed import E, T
from common.clock import Clock
from common.db.session import Database

#: Seconds between two looks, each of which costs as much as two executions; while the end is far, the longer.
_LOOK, _SELDOM = 0.02, 0.1


@dataclass(frozen=True)
class Seen:
    """Seconds after the instant at which all rows existed, and at which all had ended and were recorded."""

    exist: float
    ended: float


async def in_a_moment(database: Database, seconds: float) -> datetime:
    """A whole second at least so many seconds away, by the database's clock."""
    now = await database_now(database)
    return now.replace(microsecond=0) + timedelta(seconds=int(seconds) + 1)


async def database_now(database: Database) -> datetime:
    """The database's clock."""
    async with database.read() as session:
        return await Clock().now(session)


async def until(database: Database, instant: datetime, less: float = 0.0) -> None:
    """Wait for the instant by the database's clock, `less` seconds before it."""
    await asyncio.sleep(max((instant - await database_now(database)).total_seconds() - less, 0))


async def watch(database: Database, count: int, *, since: datetime, patience: float) -> Seen:
    """Look until `count` executions have ended; raises TimeoutError after `patience` seconds."""
    exist: float | None = None
    async with asyncio.timeout(patience):
        while True:
            async with database.read() as session:
                now = await Clock().now(session)
                rows = await session.scalar(select(func.count()).select_from(E)) if exist is None else count
                left = await session.scalar(select(func.count()).where(E.c.finished_at.is_(None)))
            after = (now - since).total_seconds()
            if rows != count:
                await asyncio.sleep(_LOOK)
                continue
            exist = after if exist is None else exist
            if not left:
                return Seen(exist, after)
            await asyncio.sleep(_LOOK if left < count / 5 else _SELDOM)


async def lateness(database: Database, expected: Sequence[datetime]) -> list[float]:
    """Each execution's lateness in seconds.

    Raises AssertionError when one is lost, doubled or not a success: a figure without its results is worth nothing.
    """
    async with database.read() as session:
        rows = (
            await session.execute(
                select(E.c.task_id, E.c.status, E.c.scheduled_for, E.c.started_at)
                .join(T, T.c.id == E.c.task_id)
                .where(T.c.name.like("bench %"))
            )
        ).all()
    assert sorted(row.scheduled_for for row in rows) == sorted(expected), f"{len(rows)} of {len(expected)} ran"
    assert len({row.task_id for row in rows}) == len(rows), "a task ran twice"
    assert {row.status for row in rows} == {"success"}, {row.status for row in rows}
    return [(row.started_at - row.scheduled_for).total_seconds() for row in rows]
