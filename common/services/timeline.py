"""A window of time: past runs, what runs, and what is to come, of the tasks that have something in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.db.session import ReadSession
from common.db.types import Record
from common.domain.forecast import Coming, buckets
from common.queries import timeline as queries
from common.services import overview, status
from common.services.forecast import Forecast, Item
from common.services.memory import Memory, eyes

#: Rows of the page; runs of a task above which it is read by stretches, of which a window has so many.
MOST_TASKS, _MANY, _STRETCHES = 60, 240, 240
LOAD_STEPS = 48
_KEPT = 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One run, or several of one outcome close together (`count`); `execution_id` is the newest of them."""

    outcome: str
    begin: datetime
    end: datetime
    execution_id: int
    count: int = 1


@dataclass(slots=True)
class Lane:
    """One task: what it did and what it is to do."""

    task_id: int
    name: str
    tags: Sequence[str]
    queue: str
    worker: str = ""
    bars: list[Bar] = field(default_factory=list)
    coming: list[Item] = field(default_factory=list)
    #: So many more come after the last that is listed.
    more_coming: int = 0


@dataclass(frozen=True, slots=True)
class Crowd:
    """The moment at which the most runs want to go on at once, in a queue that has fewer slots."""

    at: datetime
    queue: str
    wanted: int
    slots: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The window. `busy` is how many slots were taken in each of LOAD_STEPS steps, `wanted` how many will be (None
    where the step is over); `more` is how many tasks with runs are not listed."""

    begin: datetime
    end: datetime
    lanes: list[Lane]
    more: int
    busy: list[float]
    wanted: list[int | None]
    slots: int
    crowd: Crowd | None


async def timeline(
    session: ReadSession, memory: Memory, begin: datetime, end: datetime, *, search: str = "", now: datetime
) -> Timeline:
    """What happened in [begin, end) and is to happen, of the tasks that whoever asks may see."""
    whose = eyes(session.actor)

    async def active() -> tuple[list[Record], int]:
        return await queries.active_tasks(session, begin, end, search=search, limit=MOST_TASKS)

    known, total = await memory.of(("timeline", whose, begin, end, search), _KEPT, active)
    coming = await _coming(session, memory, end, now=now)
    items = [item for item in coming.items if begin <= item.at < end] if coming else []
    if search:
        items = [item for item in items if search.lower() in item.task_name.lower()]
    going = await queries.running(session, begin, end, limit=200) if begin <= now else []
    counts = {row.task_id: row.executions for row in known}
    shown = _shown([*counts], [row.task_id for row in going] if not search else [], [item.task_id for item in items])
    lanes = {
        row.id: Lane(row.id, row.name, row.tags, row.queue)
        for row in await queries.tasks(session, shown)
        if not search or search.lower() in row.name.lower()
    }
    await _read_past(session, lanes, counts, begin, end)
    _put(lanes, going, now=now)
    for item in items:
        if item.task_id in lanes:
            lanes[item.task_id].coming.append(item)
    for each in coming.capped if coming else ():
        if each.task_id in lanes and each.last < end:
            lanes[each.task_id].more_coming += each.count - each.shown
    busy = await _busy(session, memory, begin, end, now=now)
    found = await status.processes(session, now=now)
    slots = sum(row.slots for row in found.alive(found.workers) if not row.draining)
    return Timeline(
        begin=begin,
        end=end,
        lanes=[*lanes.values()],
        more=max(0, total - len(counts)),
        busy=busy,
        wanted=_wanted(coming, begin, end, now),
        slots=slots,
        crowd=_crowd(coming, begin, end),
    )


async def _coming(session: ReadSession, memory: Memory, end: datetime, *, now: datetime) -> Forecast | None:
    if end <= now:
        return None
    hours = 24 if end - now <= timedelta(hours=24) else 168
    return await overview.expected_runs(session, memory, hours=hours, now=now)


def _shown(past: Sequence[int], going: Sequence[int], coming: Sequence[int]) -> list[int]:
    """Those that did something, that run, and that come soonest; no more than fit."""
    return list(dict.fromkeys([*going, *past, *coming]))[:MOST_TASKS]


async def _read_past(
    session: ReadSession, lanes: dict[int, Lane], counts: dict[int, int], begin: datetime, end: datetime
) -> None:
    few = [each for each in lanes if 0 < counts.get(each, 0) <= _MANY]
    many = [each for each in lanes if counts.get(each, 0) > _MANY]
    if few:
        _put(lanes, await queries.runs(session, few, begin, end), now=end)
    if many:
        width = (end - begin).total_seconds() / _STRETCHES
        for row in await queries.stretches(session, many, begin, end, width=width):
            lanes[row.task_id].bars.append(Bar(row.status, row.first, row.last, row.newest, row.executions))
        for each in many:
            lanes[each].bars.sort(key=lambda bar: bar.begin)


def _put(lanes: dict[int, Lane], rows: Sequence[Record], *, now: datetime) -> None:
    for row in rows:
        lane = lanes.get(row.task_id)
        if lane is None:
            continue
        began = row.started_at or row.scheduled_for
        ended = (row.finished_at or now) if row.started_at else began
        lane.bars.append(Bar(row.status, began, max(began, ended), row.id))
        lane.worker = row.worker_name or lane.worker


async def _busy(session: ReadSession, memory: Memory, begin: datetime, end: datetime, *, now: datetime) -> list[float]:
    """How many runs went on at the same time, on average over each step."""
    width = (end - begin).total_seconds() / LOAD_STEPS

    async def make() -> list[float]:
        short, long = await queries.load(session, begin, end, width=width)
        running = [(row.started_at, now) for row in await queries.running(session, begin, end, limit=1000)]
        seconds = [short.get(step, 0.0) for step in range(LOAD_STEPS)]
        for begun, ended in [*long, *running]:
            _spread(seconds, begun, min(ended, now), begin, width)
        return [each / width for each in seconds]

    return await memory.of(("busy", eyes(session.actor), begin, end), _KEPT, make)


def _spread(seconds: list[float], begun: datetime, ended: datetime, begin: datetime, width: float) -> None:
    """Add a run to each step that it went on in."""
    first, last = (begun - begin).total_seconds(), (ended - begin).total_seconds()
    for step in range(max(0, int(first / width)), min(len(seconds), int(last / width) + 1)):
        seconds[step] += max(0.0, min(last, (step + 1) * width) - max(first, step * width))


def _wanted(coming: Forecast | None, begin: datetime, end: datetime, now: datetime) -> list[int | None]:
    width = (end - begin) / LOAD_STEPS
    if coming is None:
        return [None] * LOAD_STEPS
    runs = [Coming(item.at, item.task_id, item.queue, item.seconds) for item in coming.items]
    found = buckets(runs, start=begin, width=width, count=LOAD_STEPS)
    return [each.peak if each.start + width > now else None for each in found]


def _crowd(coming: Forecast | None, begin: datetime, end: datetime) -> Crowd | None:
    """The worst moment within the window of a queue that somebody serves."""
    if coming is None:
        return None
    found = [
        Crowd(bucket.start, load.queue, bucket.peak, load.slots)
        for load in coming.loads
        for bucket in load.buckets
        if load.slots and bucket.peak > load.slots and begin <= bucket.start < end
    ]
    return max(found, key=lambda each: each.wanted - each.slots, default=None)
