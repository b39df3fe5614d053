"""What all processes know about the schedulers: when one was last at work, and the times when none was."""

from datetime import datetime, timedelta
from importlib.metadata import version

import structlog
from sqlalchemy import insert, or_, select, update

from common.db.bulk import insert_ignore
from common.db.models import Fact, Schedule, SchedulerGap, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.reasons import Reason
from common.services import calendars
from common.services.status import SILENT

log = structlog.get_logger()
F = table_of(Fact)
G = table_of(SchedulerGap)
S = table_of(Schedule)
_SEEN = "scheduler_seen"
_TIME_DATA = "time_data"
#: Schedules a transaction when next runs are worked out anew.
_BATCH = 500


async def scheduler_seen(session: ReadSession) -> datetime | None:
    """When a scheduler last gave a sign of life; None when none ever has."""
    found: datetime | None = await session.scalar(select(F.c.at).where(F.c.id == _SEEN))
    return found


async def silence(session: ReadSession, *, now: datetime) -> Reason | None:
    """Why nothing fires, when no scheduler is at work."""
    seen = await scheduler_seen(session)
    if seen is None:
        return Reason("scheduler_never")
    return Reason("scheduler_silent", {"since": seen}) if now - seen >= SILENT else None


async def beat(session: WriteSession, *, now: datetime) -> timedelta | None:
    """Note that a scheduler is at work. When none was for a while, write that down; returns how long it was."""
    seen: datetime | None = await session.scalar(select(F.c.at).where(F.c.id == _SEEN).with_for_update())
    if seen is None:
        await insert_ignore(session, F, [{"id": _SEEN, "value": "", "at": now}])
        return None
    if seen < now:
        await session.execute(update(F).where(F.c.id == _SEEN).values(at=now))
    if now - seen < SILENT:
        return None
    await session.execute(insert(G).values(started_at=seen, ended_at=now))
    return now - seen


def time_data() -> str:
    """Which zone data and holidays this program knows."""
    return f"tzdata {version('tzdata')}, holidays {version('holidays')}"


async def follow_time_data(session: WriteSession, *, now: datetime) -> int:
    """Work out all next runs anew when they were made with other zone data or holidays; returns how many changed.

    From when a scheduler was last at work on, and not from now: by the new rules an instant may lie between.
    """
    stored = await session.scalar(select(F.c.value).where(F.c.id == _TIME_DATA).with_for_update())
    if stored == time_data():
        return 0
    if stored is None:
        await insert_ignore(session, F, [{"id": _TIME_DATA, "value": time_data(), "at": now}])
        return 0
    await session.execute(update(F).where(F.c.id == _TIME_DATA).values(value=time_data(), at=now))
    seen = await scheduler_seen(session)
    changed, last = 0, 0
    while rows := list(
        await session.scalars(
            select(Schedule)
            .where(S.c.id > last, S.c.next_run_at.is_not(None), or_(S.c.kind != "interval", S.c.calendar_rule != ""))
            .order_by(S.c.id)
            .limit(_BATCH)
            .with_for_update()
        )
    ):
        last = rows[-1].id or 0
        changed += await calendars.repoint(session, rows, now=now, after=min(seen or now, now))
        session.expunge_all()
    log.info("time data changed", before=stored, now=time_data(), next_runs_changed=changed)
    return changed
