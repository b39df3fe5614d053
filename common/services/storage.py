"""What is kept: rows and bytes by task, and what the next day's pruning deletes of it."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select

from common.config import Settings
from common.db.models import Artifact, Execution, Task, table_of
from common.db.session import ReadSession
from common.domain.states import FINAL
from common.queries.visibility import listed
from common.services.memory import Memory, eyes

E = table_of(Execution)
T = table_of(Task)
R = table_of(Artifact)
AHEAD = timedelta(days=1)
_AN_HOUR = 3600.0
#: Executions that are looked at within the time in which a page should answer.
_QUICK = 100_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a task has: executions, bytes of their output (about: of the last attempt of each), files and their bytes.
    `limit` is how many executions it may keep, `going` how many are deleted within a day."""

    task_id: int
    name: str
    executions: int
    output: int
    files: int
    file_bytes: int
    limit: int
    going: int

    @property
    def size(self) -> int:
        """Output and files together."""
        return self.output + self.file_bytes


@dataclass(frozen=True, slots=True)
class Storage:
    """All of it. `tasks` are the largest; the sums are of all that whoever asks may see."""

    tasks: list[Kept]
    every: int
    executions: int
    output: int
    files: int
    file_bytes: int
    #: Within a day: executions past their age, executions over the limit of their task, files past their time.
    too_old: int
    too_many: int
    files_going: int
    file_bytes_going: int


async def storage(
    session: ReadSession, memory: Memory, settings: Settings, *, now: datetime, limit: int = 100
) -> Storage:
    """What is kept of the tasks that whoever asks may see. Reads every execution, so it is remembered for a while."""

    async def make() -> Storage:
        return await _storage(session, settings, now=now, limit=limit)

    return await memory.of(_key(session, limit), None, make, most=_AN_HOUR)


async def is_at_hand(session: ReadSession, memory: Memory, *, limit: int = 100) -> bool:
    """Whether `storage` answers at once: it is remembered, or there is little to look at."""
    if memory.get(_key(session, limit)) is not None:
        return True
    first, last = (await session.execute(select(func.min(E.c.id), func.max(E.c.id)))).one()
    return (last or 0) - (first or 0) < _QUICK


def _key(session: ReadSession, limit: int) -> Hashable:
    return "storage", eyes(session.actor), limit


async def _storage(session: ReadSession, settings: Settings, *, now: datetime, limit: int) -> Storage:
    kept = await _kept(session, settings, now=now)
    files, going = await _files(session, now=now)
    found = []
    for row in kept:
        count, size = files.get(row.task_id, (0, 0))
        found.append(Kept(row.task_id, row.name, row.executions, row.output, count, size, row.limit, row.going))
    known = {each.task_id for each in found}
    old = await _too_old(session, settings, now=now)
    return Storage(
        tasks=sorted(found, key=lambda each: (-each.size, -each.executions, each.task_id))[:limit],
        every=len(found),
        executions=sum(each.executions for each in found),
        output=sum(each.output for each in found),
        files=sum(count for task_id, (count, _) in files.items() if task_id in known),
        file_bytes=sum(size for task_id, (_, size) in files.items() if task_id in known),
        too_old=old,
        too_many=sum(each.going for each in found),
        files_going=going[0],
        file_bytes_going=going[1],
    )


def _bytes(column: ColumnElement[int], most: int) -> ColumnElement[int]:
    """What is kept of a stream: no more than the limit of it."""
    return case((column > most, most), else_=column)


async def _kept(session: ReadSession, settings: Settings, *, now: datetime) -> list[Kept]:
    output = _bytes(E.c.stdout_bytes, settings.output_limit) + _bytes(E.c.stderr_bytes, settings.output_limit)
    recent = case((E.c.finished_at >= now - AHEAD, 1), else_=0)
    final = case((E.c.status.in_(sorted(FINAL)), 1), else_=0)
    sums = (
        select(
            E.c.task_id,
            func.count().label("executions"),
            func.sum(output).label("output"),
            func.sum(recent).label("recent"),
            func.sum(final).label("final"),
        )
        .group_by(E.c.task_id)
        .subquery()
    )
    rows = await session.execute(
        select(T.c.id, T.c.name, T.c.max_history, sums)
        .join(sums, sums.c.task_id == T.c.id)
        .where(T.c.deleted_at.is_(None), listed(session))
    )
    found = []
    for row in rows:
        limit = row.max_history or settings.max_history
        # As many as ended in the last day are expected to end in the next.
        going = max(0, min(int(row.final), int(row.final) + int(row.recent) - limit))
        found.append(Kept(row.id, row.name, row.executions, int(row.output or 0), 0, 0, limit, going))
    return found


async def _too_old(session: ReadSession, settings: Settings, *, now: datetime) -> int:
    before = now + AHEAD - timedelta(days=settings.retention_days)
    found = await session.scalar(
        select(func.count())
        .select_from(E.join(T, T.c.id == E.c.task_id))
        .where(E.c.finished_at < before, E.c.status.in_(sorted(FINAL)), listed(session))
    )
    return found or 0


async def _files(session: ReadSession, *, now: datetime) -> tuple[dict[int, tuple[int, int]], tuple[int, int]]:
    """Files by task: how many, how many bytes; and those of all that expire within a day."""
    rows = await session.execute(select(R.c.task_id, func.count(), func.sum(R.c.size)).group_by(R.c.task_id))
    going = await session.execute(
        select(func.count(), func.coalesce(func.sum(R.c.size), 0))
        .select_from(R.join(T, T.c.id == R.c.task_id))
        .where(R.c.expires_at <= now + AHEAD, listed(session))
    )
    count, size = going.one()
    return {row[0]: (row[1], int(row[2] or 0)) for row in rows}, (count, int(size))
