"""The scheduler process: its loops, wired."""

import asyncio
import contextlib

import structlog
from sqlalchemy.exc import SQLAlchemyError

from common.artifacts.choose import store_of
from common.clock import Clock
from common.config import Settings
from common.db.bells import bells_of
from common.db.schema import ensure_schema, patience
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, Wakeup
from common.process import Loop, outlast, run_all, stop_on_signals, stop_with_parent
from common.services import calendars, facts
from scheduler.fire import Fire
from scheduler.heartbeat import Heartbeat
from scheduler.prune import Prune
from scheduler.reap import Reap
from scheduler.settle import Settle
from scheduler.unlock import Unlock

log = structlog.get_logger()


async def _prepare(settings: Settings, database: Database, clock: Clock) -> bool:
    """Follow changed zone data and holidays, and have at hand what firing needs."""

    async def follow(session: WriteSession) -> int:
        return await facts.follow_time_data(session, now=await clock.now(session))

    await ensure_schema(database, settings.url, patience=patience())
    async with database.read() as session:
        await calendars.warm(session, now=await clock.now(session))
    await database.transact(follow)
    return True


async def main(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Run until told to stop. Any number of schedulers may run over one database."""
    stop = stop or asyncio.Event()
    stop_on_signals(stop)
    bells = bells_of(settings)
    database = Database(settings.url, pool_size=4, synchronous=settings.sqlite_synchronous, bells=bells)
    clock = Clock()
    try:
        if await outlast(lambda: _prepare(settings, database, clock), stop):
            await _work(settings, database, clock, stop)
    finally:
        await database.dispose()
        log.info("scheduler stopped")


async def _work(settings: Settings, database: Database, clock: Clock, stop: asyncio.Event) -> None:
    heartbeat = Heartbeat(database, clock)
    fire = Loop("fire", Fire(database, clock).tick)
    settle = Loop("settle", Settle(database, clock).tick)
    loops = [
        fire,
        settle,
        Loop("heartbeat", heartbeat.tick),
        Loop("unlock", Unlock(database).tick),
        Loop("reap", Reap(database, clock, settings.heartbeat, settings.lease).tick),
        Loop(
            "prune",
            Prune(
                database,
                clock,
                settings.max_history,
                settings.retention_days,
                settings.audit_days,
                store_of(settings),
            ).tick,
        ),
    ]
    hints = {Topic.SCHEDULES: [fire.wake], Topic.ENDED: [settle.wake]}
    wakeup = Wakeup(settings.url, hints, bells=database.bells)
    log.info("scheduler started", id=heartbeat.id)
    try:
        await run_all(stop, *(loop.run(stop) for loop in loops), wakeup.run(stop), stop_with_parent(stop))
    finally:
        with contextlib.suppress(SQLAlchemyError, OSError):
            await heartbeat.leave()
