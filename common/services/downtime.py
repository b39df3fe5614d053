"""After a downtime: which instants were due while no scheduler was at work, what became of each, running some now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from common.db.models import SchedulerGap, table_of
from common.db.session import ReadSession, WriteSession
from common.db.wakeup import notify
from common.domain.permissions import Right
from common.domain.states import Status
from common.errors import Conflict, DomainError
from common.queries import ledger as queries
from common.queue import enqueue
from common.queue.transitions import E
from common.services import audit, executions, ledger, rights, tasks
from common.services.audit import Thing
from common.services.ledger import Entry

G = table_of(SchedulerGap)
#: Instants of one gap that are listed; the answer says when there were more.
LISTED = 500
_AS_FAR_BACK = timedelta(days=30)
_CATCHING_UP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a scheduler. `entries` are the instants that were due, at most LISTED of them."""

    id: int
    started_at: datetime
    ended_at: datetime
    entries: list[Entry]
    more: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many instants came to which end."""
        found = dict.fromkeys(queries.OUTCOMES, 0)
        for entry in self.entries:
            found[entry.outcome] += entry.count
        return found


async def page(
    session: ReadSession, *, since: datetime | None, until: datetime | None, number: int, size: int, now: datetime
) -> tuple[list[Gap], int]:
    """The gaps that reach into [since, until], the newest first; the last thirty days when nothing is said."""
    where = [G.c.ended_at >= (since or now - _AS_FAR_BACK), G.c.started_at <= (until or now)]
    total = await session.scalar(select(func.count()).select_from(G).where(*where))
    rows = await session.execute(
        select(*G.c).where(*where).order_by(G.c.ended_at.desc(), G.c.id.desc()).limit(size).offset((number - 1) * size)
    )
    served = await ledger.served_queues(session, now=now)
    found = []
    for row in rows.all():
        # What was fired just before the gap began was written at its time: only rows from after it count.
        late = row.started_at + (row.ended_at - row.started_at) / 2
        written = (late, await _caught_up(session, row.ended_at))
        due = await queries.between(session, row.started_at, row.ended_at, written=written, limit=LISTED + 1)
        entries = [ledger.entry(each, served) for each in due[:LISTED]]
        found.append(Gap(row.id, row.started_at, row.ended_at, entries, len(due) > LISTED))
    return found, total or 0


async def _caught_up(session: ReadSession, ended_at: datetime) -> datetime:
    """When all that was due in a gap has long been written: a day after it, and after each that began meanwhile."""
    end = ended_at
    while True:
        meanwhile = select(func.max(G.c.ended_at)).where(G.c.ended_at > end, G.c.started_at <= end + _CATCHING_UP)
        later: datetime | None = await session.scalar(meanwhile)
        if later is None:
            return end + _CATCHING_UP
        end = later


async def newest(session: ReadSession, *, since: datetime) -> Gap | None:
    """The newest gap that reaches beyond `since`, without what was due in it."""
    found = await session.execute(
        select(*G.c).where(G.c.ended_at >= since).order_by(G.c.ended_at.desc(), G.c.id.desc()).limit(1)
    )
    row = found.first()
    return Gap(row.id, row.started_at, row.ended_at, [], False) if row else None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one chosen execution: the id of the new one, or why there is none."""

    id: int
    execution_id: int | None = None
    error: DomainError | None = None


async def run(session: WriteSession, ids: Sequence[int], *, by: str, now: datetime) -> list[Made]:
    """Run missed executions now, each as a new one; asked again it is the same new one. One that fails sinks none."""
    results = []
    for execution_id in dict.fromkeys(ids):
        try:
            async with session.begin_nested():
                results.append(Made(execution_id, await _make_up(session, execution_id, by=by, now=now)))
        except DomainError as error:
            results.append(Made(execution_id, error=error))
            await rights.note_refusal(session, Thing("execution", execution_id), error, now=now)
    await notify(session)
    return results


async def _make_up(session: WriteSession, execution_id: int, *, by: str, now: datetime) -> int:
    missed = await executions.get(session, execution_id)
    if missed.status not in (Status.MISSED, Status.SKIPPED):
        raise Conflict("Execution {id} was not missed: it is {status}.", id=execution_id, status=missed.status)
    task = await tasks.get(session, missed.task_id, Right.RUN)
    key = f"b:{execution_id}"
    # The instant it stands for, so that the program knows what it makes up for; of several the newest.
    instant = missed.scheduled_until or missed.scheduled_for
    row = enqueue.row(task, key=key, trigger="backfill", scheduled_for=instant, now=now, triggered_by=by)
    await enqueue.enqueue(session, [row])
    found: int | None = await session.scalar(select(E.c.id).where(E.c.task_id == task.id, E.c.fire_key == key))
    assert found is not None
    thing = Thing("execution", execution_id, task.name)
    await audit.record(session, "downtime.run", thing, now=now, details={"execution": found, "task": task.id})
    return found
