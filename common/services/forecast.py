"""What is to come: every instant of every enabled task, and whether the workers have slots enough for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from common.db.session import ReadSession
from common.db.types import Record
from common.domain import triggers
from common.domain.forecast import Bucket, Coming, buckets, expected
from common.queries import calendars
from common.queries import forecast as queries
from common.services import status
from common.services.schedules import trigger_of

#: Instants that are worked out at most, over all schedules; each gets its share.
BUDGET = 30_000
MOST_EACH, LEAST_EACH = 500, 20
_BUCKETS = 48


class Item(NamedTuple):
    """One coming instant of a task."""

    at: datetime
    task_id: int
    task_name: str
    queue: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Capped:
    """A schedule that fires too often to be listed whole: `shown` instants of `count` are."""

    schedule_id: int
    task_id: int
    task_name: str
    shown: int
    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Load:
    """The load of one queue: its slots, and the most runs at one moment."""

    queue: str
    slots: int
    peak: int
    peak_at: datetime | None
    buckets: list[Bucket]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The coming instants; they are all there up to `complete_until`."""

    since: datetime
    until: datetime
    complete_until: datetime
    items: list[Item]
    capped: list[Capped]
    loads: list[Load]


async def forecast(session: ReadSession, *, hours: int, now: datetime) -> Forecast:
    """All instants of the next `hours`, the soonest first, bounded; the load is that of the listed instants."""
    until = now + timedelta(hours=hours)
    rows = await queries.schedules(session, until=until, limit=BUDGET // LEAST_EACH)
    days = await calendars.known(session, rows)
    lengths = await queries.durations(session, sorted({row.task_id for row in rows}))
    processes = await status.processes(session, now=now)
    share = max(LEAST_EACH, min(MOST_EACH, BUDGET // max(1, len(rows))))
    expect = {task_id: expected(found) for task_id, found in lengths.items()}
    # Pure and long: other requests go on meanwhile.
    items, capped = await asyncio.to_thread(_all, rows, days, expect, now, until, share)
    complete = min((each.last for each in capped), default=until)
    if len(rows) == BUDGET // LEAST_EACH:
        complete = min(complete, rows[-1].next_run_at)
    queues = sorted({item.queue for item in items})
    loads = [_load(queue, [item for item in items if item.queue == queue], processes, now, until) for queue in queues]
    return Forecast(now, until, complete, items, capped, loads)


def _all(
    rows: Sequence[Record],
    days: calendars.Known,
    expect: dict[int, float | None],
    now: datetime,
    until: datetime,
    share: int,
) -> tuple[list[Item], list[Capped]]:
    items: dict[tuple[datetime, int], Item] = {}
    capped: list[Capped] = []
    same: dict[tuple[object, ...], tuple[list[datetime], int]] = {}
    for row in rows:
        try:
            runs = calendars.observed(trigger_of(row), row, days)
        except triggers.InvalidSchedule:
            continue
        key = _same(row)
        if key not in same:
            same[key] = _instants(runs, now, until, share)
        found, count = same[key]
        if count > len(found):
            capped.append(Capped(row.id, row.task_id, row.task_name, len(found), count, found[-1]))
        seconds = expect.get(row.task_id)
        items.update({(at, row.task_id): Item(at, row.task_id, row.task_name, row.queue, seconds) for at in found})
    return [items[key] for key in sorted(items)], capped


def _same(row: Record) -> tuple[object, ...]:
    """What decides when a schedule fires: most tasks share a few dozen expressions."""
    hashed = row.task_id if row.kind == "cron" and "h" in row.expr.lower() else None
    names = (
        "kind",
        "expr",
        "timezone",
        "start_at",
        "end_at",
        "anchor",
        "calendar_id",
        "calendar_name",
        "calendar_rule",
    )
    return hashed, *(getattr(row, name) for name in names)


def _instants(
    runs: triggers.Trigger | triggers.Observed, now: datetime, until: datetime, share: int
) -> tuple[list[datetime], int]:
    """The first instants up to `until`, at most `share`, and how many there are in all."""
    found: list[datetime] = []
    instant = runs.next_after(now)
    while instant is not None and instant <= until and len(found) < share:
        found.append(instant)
        instant = runs.next_after(instant)
    more = runs.count(found[-1], until) if found and instant is not None and instant <= until else 0
    return found, len(found) + more


def _load(queue: str, items: Sequence[Item], processes: status.Processes, now: datetime, until: datetime) -> Load:
    slots = sum(worker.slots for worker in processes.serving(queue))
    found = buckets(
        [Coming(item.at, item.task_id, item.queue, item.seconds) for item in items],
        start=now,
        width=(until - now) / _BUCKETS,
        count=_BUCKETS,
    )
    highest = max(found, key=lambda each: each.peak)
    return Load(queue, slots, highest.peak, highest.start if highest.peak else None, found)
