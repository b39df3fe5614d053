"""The home page: what needs somebody, what runs, what is to come, and how the day went.

Whatever reads many rows is kept for a while (`Memory`), the longer the dearer it was; hours that are over are read
once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import mean

from common.db.session import ReadSession
from common.db.types import Record
from common.domain.forecast import expected
from common.domain.states import UNWELL, Status, TaskState
from common.queries import calendars
from common.queries import forecast as lengths
from common.queries import overview as queries
from common.queries import tasks as task_queries
from common.queries.newest import Last, newest
from common.queries.overview import Span
from common.services import downtime, forecast, schedules, status
from common.services.memory import Memory, eyes
from common.services.status import SILENT

#: How far back a failure is looked for, a downtime, and a process that went silent.
_FAILED_WITHIN, _DOWN_WITHIN = timedelta(days=14), timedelta(days=1)
_MOST_FAILING, _STREAK = 200, 80
#: After so long nothing ends in a past hour any more.
_SETTLED = timedelta(seconds=60)
_SHORT, _MINUTE, _LONG = 5.0, 60.0, 3600.0
_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class Failing:
    """A task whose newest run went wrong; `streak` runs in a row, after `before` that went well."""

    task_id: int
    name: str
    last: Last
    streak: int
    before: int


@dataclass(frozen=True, slots=True)
class Down:
    """A time without a scheduler, and what became of what was due: ran late, missed."""

    gap_id: int
    started_at: datetime
    ended_at: datetime
    late: int
    missed: int


@dataclass(frozen=True, slots=True)
class Stuck:
    """A queue in which executions wait and that no worker serves."""

    queue: str
    waiting: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Needs:
    """All that needs somebody; `failing_count` may be more than are listed."""

    failing: list[Failing] = field(default_factory=list)
    failing_count: int = 0
    down: Down | None = None
    stuck: list[Stuck] = field(default_factory=list)
    silent: list[Record] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many things there are to see to."""
        return self.failing_count + len(self.stuck) + len(self.silent) + (1 if self.down else 0)


async def needs(session: ReadSession, memory: Memory, *, now: datetime, listed: int = 6) -> Needs:
    """What needs somebody, of what whoever asks may see."""
    return await memory.of(
        ("needs", eyes(session.actor), listed), _SHORT, lambda: _needs(session, now=now, listed=listed)
    )


async def _needs(session: ReadSession, *, now: datetime, listed: int) -> Needs:
    found = await status.processes(session, now=now)
    failing, count = await _failing(session, now=now, listed=listed)
    stuck = [
        Stuck(row.queue, row.executions, row.oldest)
        for row in await queries.active_by_queue(session)
        if row.status == Status.QUEUED and row.oldest <= now and not found.serving(row.queue)
    ]
    alive = found.alive(found.workers)
    silent = [row for row in found.workers if row not in alive and row.stopped_at is None]
    return Needs(failing, count, await _down(session, now=now), stuck, silent)


async def _failing(session: ReadSession, *, now: datetime, listed: int) -> tuple[list[Failing], int]:
    candidates = await queries.unwell(session, since=now - _FAILED_WITHIN, limit=_MOST_FAILING)
    conditions = await task_queries.conditions(session, candidates)
    ids = [each for each in candidates if conditions[each].state(enabled=True) == TaskState.FAILED]
    shown = ids[:listed]
    recent = await newest(session, shown, limit=_STREAK)
    names = await task_queries.names(session, shown)
    found = []
    for task_id in shown:
        last = conditions[task_id].last
        if last is not None and task_id in names:
            streak, before = _streak(recent[task_id])
            found.append(Failing(task_id, names[task_id], last, streak, before))
    return found, len(ids)


def _streak(recent: Sequence[Last]) -> tuple[int, int]:
    """How many of the newest runs went wrong in a row, and how many before them went well in a row."""
    ran = [each.status for each in reversed(recent) if each.status in UNWELL or each.status == Status.SUCCESS]
    wrong = next((i for i, each in enumerate(ran) if each not in UNWELL), len(ran))
    rest = ran[wrong:]
    return wrong, next((i for i, each in enumerate(rest) if each in UNWELL), len(rest))


async def _down(session: ReadSession, *, now: datetime) -> Down | None:
    """The newest downtime of the last day in which something was missed, if there is one among the last few."""
    gaps, _ = await downtime.page(session, since=now - _DOWN_WITHIN, until=None, number=1, size=5, now=now)
    for gap in gaps:
        counts = gap.counts
        if missed := counts.get("missed", 0):
            late = sum(counts.values()) - missed - counts.get("skipped", 0)
            return Down(gap.id, gap.started_at, gap.ended_at, late, missed)
    return None


async def counts(session: ReadSession, memory: Memory, *, now: datetime) -> dict[str, int]:
    """The numbers beside the navigation: needs, tasks, workers (those at work)."""

    async def make() -> dict[str, int]:
        every, _ = await queries.task_numbers(session)
        found = await status.processes(session, now=now)
        return {"tasks": every, "workers": len(found.alive(found.workers))}

    return {
        **await memory.of(("counts", eyes(session.actor)), _SHORT, make),
        "needs": (await needs(session, memory, now=now)).count,
    }


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many tasks there are, and how many of them are paused."""

    every: int
    paused: int


async def tasks(session: ReadSession, memory: Memory) -> Numbers:
    """How many tasks whoever asks may see. Nought is not remembered: the first task is seen at once."""

    async def make() -> Numbers | None:
        found = Numbers(*await queries.task_numbers(session))
        return found if found.every else None

    return await memory.of(("numbers", eyes(session.actor)), 2.0, make) or Numbers(0, 0)


# ---- how it went ----


async def outcomes(
    session: ReadSession, memory: Memory, spans: Sequence[Span], *, now: datetime
) -> list[dict[str, int]]:
    """How many executions ended in each way within each span; spans to come are empty."""
    whose = eyes(session.actor)
    found: dict[Span, dict[str, int]] = {span: {} for span in spans}
    missing = []
    for span in spans:
        known = memory.get(("outcomes", whose, span))
        if known is not None:
            found[span] = known
        elif span[0] <= now:
            missing.append(span)
    read = await queries.outcomes(session, missing)
    for span, counted in read.items():
        found[span] = counted
        over = span[1] + _SETTLED < now
        memory.keep(("outcomes", whose, span), counted, seconds=_LONG if over else 2.0)
    return [found[span] for span in spans]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long runs took and how late they began, over the newest thousand of a span; None where nothing ran."""

    average: float | None
    delay_p95: float | None
    delay_most: float | None


@dataclass(frozen=True, slots=True)
class Leaders:
    """The tasks with the longest runs and those with the most."""

    slowest: list[Record]
    busiest: list[Record]


async def pace(session: ReadSession, memory: Memory, span: Span) -> Pace:
    """How long runs of the span took, and how late they began."""

    async def make() -> Pace:
        rows = await queries.newest_ended(session, span, limit=_SAMPLE)
        took = [(row.finished_at - row.started_at).total_seconds() for row in rows if row.started_at]
        delays = sorted(
            max(0.0, (row.started_at - row.scheduled_for).total_seconds())
            for row in rows
            # A retry is not late, and what somebody made up for was due long ago.
            if row.started_at and row.token == 1 and row.trigger in ("schedule", "cron")
        )
        return Pace(
            mean(took) if took else None,
            delays[max(0, -(-len(delays) * 95 // 100) - 1)] if delays else None,
            delays[-1] if delays else None,
        )

    return await memory.of(("pace", eyes(session.actor), span[0]), None, make)


async def leaders(session: ReadSession, memory: Memory, span: Span, *, limit: int = 3) -> Leaders:
    """The slowest and the most frequent tasks of the span."""

    async def make() -> Leaders:
        return Leaders(*await queries.by_task(session, span, limit=limit))

    return await memory.of(("leaders", eyes(session.actor), span[0], limit), None, make)


# ---- now and next ----


@dataclass(frozen=True, slots=True)
class Running:
    """One execution that runs, and how many seconds it usually takes (None: not known)."""

    row: Record
    usual: float | None


async def running(session: ReadSession, memory: Memory, *, limit: int = 5) -> list[Running]:
    """What runs now, the longest first."""
    rows = await queries.running(session, limit=limit)
    usual = await usual_lengths(session, memory, sorted({row.task_id for row in rows}))
    return [Running(row, usual.get(row.task_id)) for row in rows]


async def usual_lengths(session: ReadSession, memory: Memory, task_ids: Sequence[int]) -> dict[int, float | None]:
    """How many seconds these tasks usually take."""
    missing = [each for each in task_ids if memory.get(("usual", each)) is None]
    for task_id, took in (await lengths.durations(session, missing) if missing else {}).items():
        memory.keep(("usual", task_id), (expected(took),), seconds=_MINUTE)
    for task_id in missing:
        if memory.get(("usual", task_id)) is None:
            memory.keep(("usual", task_id), (None,), seconds=_SHORT)
    return {each: (memory.get(("usual", each)) or (None,))[0] for each in task_ids}


async def expected_runs(session: ReadSession, memory: Memory, *, hours: int, now: datetime) -> forecast.Forecast:
    """What is to come, at most a minute old: dear with many tasks, so worked out once for all who see the same."""

    async def make() -> forecast.Forecast:
        return await forecast.forecast(session, hours=hours, now=now)

    return await memory.of(("forecast", eyes(session.actor), hours), None, make)


async def idle(session: ReadSession, memory: Memory, *, now: datetime, limit: int = 5) -> list[Record]:
    """Tasks with a schedule that has been due within the last day, of which nothing has begun since then."""

    async def make() -> list[Record]:
        since = now - timedelta(days=1)
        rows = await queries.idle(session, since=since, limit=500)
        found = await schedules.of_tasks(session, [row.id for row in rows if row.enabled])
        days = await calendars.known(session, [each for mine in found.values() for each in mine])

        def due(row: Record) -> bool:
            if not row.enabled:
                return row.paused_at is not None and row.paused_at < since
            runs = (schedules.observed_of(each, days).next_after(since) for each in found.get(row.id, ()))
            return any(at is not None and at < now - SILENT for at in runs)

        return await asyncio.to_thread(lambda: [row for row in rows if due(row)][:limit])

    return await memory.of(("idle", eyes(session.actor), limit), None, make)


# ---- the page ----


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the home page is made of; `columns` belong to the spans that were asked for."""

    needs: Needs
    columns: list[dict[str, int]]
    today: dict[str, int]
    yesterday: dict[str, int]
    pace: Pace
    leaders: Leaders
    running: list[Running]
    running_count: int
    next: list[Record]
    queues: list[Record]
    coming: forecast.Forecast
    idle: list[Record]


async def facts(
    session: ReadSession, memory: Memory, columns: Sequence[Span], today: Span, yesterday: Span, *, now: datetime
) -> Facts:
    """What the home page shows of tasks that whoever asks may see."""
    counted = await outcomes(session, memory, [*columns, today, yesterday], now=now)
    queues = await queries.active_by_queue(session)
    return Facts(
        needs=await needs(session, memory, now=now),
        columns=counted[:-2],
        today=counted[-2],
        yesterday=counted[-1],
        pace=await pace(session, memory, today),
        leaders=await leaders(session, memory, today),
        running=await running(session, memory),
        running_count=sum(row.executions for row in queues if row.status == Status.RUNNING),
        next=await queries.coming(session, limit=5),
        queues=queues,
        coming=await expected_runs(session, memory, hours=24, now=now),
        idle=await idle(session, memory, now=now),
    )
