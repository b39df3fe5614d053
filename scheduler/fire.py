"""Firing: due schedules become executions, and the schedules move on, in one transaction.

All or nothing: a scheduler that dies between two statements has fired nothing, and another one finds the same rows
due. Several schedulers share the work by row locks (SKIP LOCKED) and `UNIQUE(task_id, fire_key)`, without a leader.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.sql.dml import Update

from common.clock import Clock
from common.db.bulk import Value, run_each
from common.db.models import Schedule, Task, table_of
from common.db.prepared import Prepared, one_of
from common.db.session import Database, ReadSession, WriteSession
from common.db.wakeup import Topic, longest_wait, notify
from common.domain import misfire
from common.domain.calendars import Observed
from common.domain.calendars import plan as plan_under_calendar
from common.domain.states import Status
from common.domain.triggers import jittered
from common.queries import calendars
from common.queue import cancel, waiting
from common.queue.enqueue import enqueue, fire_key, row
from common.queue.transitions import E
from common.services.schedules import trigger_of

log = structlog.get_logger()
S = table_of(Schedule)
T = table_of(Task)
#: Schedules a transaction; 500 take some 20 ms. The first after a pause are few: the workers begin while the rest is
#: being fired.
FEW, BATCH = 50, 500
#: Seconds between two looks where another scheduler holds what is due.
_SOON = 0.01
#: Seconds before an instant at which the event loop is to wake up for it: its timer rings up to two milliseconds late,
#: and a connection and a transaction are there by then.
_LEAD = 0.004
#: Seconds for which the database's clock is known well enough to say that nothing is due within `_FAR` seconds.
_KNOWN, _FAR = 1.0, 2.0


@dataclass
class Fire:
    """The tick that fires what is due."""

    database: Database
    clock: Clock
    #: When the next is due, on the clock's `monotonic`; infinite before the first look.
    _expected: float = math.inf
    #: The database's clock when it was read last, and when that was, on the clock's `monotonic`.
    _now: datetime | None = None
    _looked: float = 0.0
    #: How many the next transaction fires.
    _most: int = field(default_factory=lambda: FEW)

    async def tick(self) -> float:
        """Fire one batch; returns the seconds until the next schedule is due, 0 when more may be due already."""
        if self.clock.monotonic() < self._expected - _LEAD:
            # It is not time yet, as far as we know: somebody changed something, or a second look is due.
            await self._look()
            if (wait := self._wait()) > 0:
                return wait
        if self.database.dialect == "sqlite":  # there, a transaction that was begun keeps others from writing
            self._nap()
        fired = await self.database.transact(self._fire)
        log.debug("fired", schedules=fired)
        more, self._most = fired == self._most, BATCH if fired == self._most else FEW
        if more:
            self._expected = 0.0
            return 0.0
        # Only now, when what was fired can be claimed.
        await self._look()
        if (wait := self._wait()) > 0:
            return wait
        # What is due and was not fired is held by another scheduler: give it time instead of asking without end.
        return 0.0 if fired or self.clock.monotonic() < self._expected else _SOON

    async def _look(self) -> None:
        """Find out when the next is due."""
        async with self.database.read() as session:
            ((soonest,),) = await _SOONEST(session)
            if soonest is None or self._is_far(soonest):
                self._expected = math.inf
                return
            wait = (soonest - await self._read_clock(session)).total_seconds()
        self._expected = self._looked + wait if wait < longest_wait(self.database) else math.inf

    def _wait(self) -> float:
        """Seconds to wait for what is expected, or until the next look."""
        wait = self._expected - _LEAD - self.clock.monotonic()
        return max(0.0, min(wait, longest_wait(self.database)))

    def _nap(self) -> None:
        self.clock.nap(min(_LEAD, self._expected - self.clock.monotonic()))

    def _is_far(self, soonest: datetime) -> bool:
        passed = self.clock.monotonic() - self._looked
        return self._now is not None and passed < _KNOWN and (soonest - self._now).total_seconds() > passed + _FAR

    async def _read_clock(self, session: ReadSession) -> datetime:
        self._now = await self.clock.now(session)
        self._looked = self.clock.monotonic()
        return self._now

    async def _fire(self, session: WriteSession) -> int:
        """Fire a batch; returns how many."""
        await session.connection()
        self._nap()
        now = await self._read_clock(session)
        due = [_Due(*row) for row in await _DUE(session, now=now, most=self._most)]
        if not due:
            return 0
        tasks = await self._lock_tasks(session, [schedule.task_id for schedule in due])
        days = await calendars.known(session, due)
        plans = _Plans(tasks, days, now)
        planned = [(schedule, plans.of(schedule)) for schedule in due]
        wary = [task.id for task in tasks.values() if task.concurrency != "allow"]
        batch = Batch(tasks, await waiting.active_of(session, task_ids=wary) if wary else {}, now)
        for schedule, plan in planned:
            batch.add(schedule, plan)
        await enqueue(session, list(batch.rows.values()))
        if batch.replaced:
            await cancel.request_stop(session, [E.c.id.in_(batch.replaced)], by="replaced by a newer run", now=now)
        moved = [
            {"row_id": schedule.id, "next_at": plan.next_at, "then_at": plan.runs_at} for schedule, plan in planned
        ]
        await run_each(session, _move_on, _MOVED, moved)
        await notify(session, Topic.QUEUE, *([Topic.CANCEL] if batch.replaced else []))
        return len(due)

    async def _lock_tasks(self, session: WriteSession, ids: Sequence[int]) -> Mapping[int, "_Task"]:
        """Lock the tasks: two schedules of one task must see each other's executions to keep its concurrency policy.

        After the schedules, as everybody who edits a task does.
        """
        return {row[0]: _Task(*row) for row in await _TASKS(session, ids=sorted(set(ids)))}


class _Due(NamedTuple):
    """What firing reads of a schedule."""

    id: int
    task_id: int
    kind: str
    expr: str
    timezone: str
    start_at: datetime | None
    end_at: datetime | None
    anchor: datetime | None
    jitter: int
    calendar_id: int | None
    calendar_name: str
    calendar_rule: str
    next_run_at: datetime


class _Task(NamedTuple):
    """What firing reads of a task."""

    id: int
    queue: str
    priority: int
    concurrency: str
    misfire_policy: misfire.Policy
    misfire_grace: int | None


_DUE = Prepared(
    lambda dialect: (
        select(*(S.c[name] for name in _Due._fields))
        .where(S.c.next_run_at <= bindparam("now"))
        .order_by(S.c.next_run_at, S.c.id)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )
)
_TASKS = Prepared(
    lambda dialect: (
        select(*(T.c[name] for name in _Task._fields))
        .where(one_of(dialect, T.c.id, "ids"))
        .order_by(T.c.id)
        .with_for_update()
    )
)
_SOONEST = Prepared(lambda dialect: select(func.min(S.c.next_run_at)))
_MOVED = (("row_id", S.c.id.type), ("next_at", S.c.next_run_at.type), ("then_at", S.c.runs_at.type))


def _move_on(value: Value) -> Update:
    return update(S).where(S.c.id == value("row_id")).values(next_run_at=value("next_at"), runs_at=value("then_at"))


class _Plans:
    """What becomes of every instant of schedules up to now. Those that name the same times are planned once."""

    def __init__(self, tasks: Mapping[int, _Task], days: calendars.Known, now: datetime) -> None:
        self._tasks = tasks
        self._days = days
        self._now = now
        self._made: dict[tuple[object, ...], misfire.Plan] = {}

    def of(self, schedule: _Due) -> misfire.Plan:
        """The plan of this schedule; one that cannot be read any more is switched off."""
        task = self._tasks[schedule.task_id]
        # All but the ids; `H` in an expression is different for each task.
        own = schedule.task_id if "H" in schedule.expr.upper() else 0
        key = (*schedule[2:], own, task.misfire_policy, task.misfire_grace)
        plan = self._made.get(key)
        if plan is None:
            plan = self._made[key] = _plan(schedule, task, self._days, self._now)
        return plan


def _plan(schedule: _Due, task: _Task, days: calendars.Known, now: datetime) -> misfire.Plan:
    due, policy, grace = schedule.next_run_at, task.misfire_policy, task.misfire_grace
    try:
        runs = calendars.observed(trigger_of(schedule), schedule, days)
        if isinstance(runs, Observed):
            return plan_under_calendar(runs, due=due, now=now, policy=policy, grace=grace)
        return misfire.plan(runs, due=due, now=now, policy=policy, grace=grace)
    except Exception:
        log.exception("schedule cannot be read and is switched off", schedule=schedule.id, task=schedule.task_id)
        missed = misfire.Missed(instant=schedule.next_run_at, reason="schedule_broken")
        return misfire.Plan(fires=[], missed=[missed], summary=None, next_at=None)


@dataclass
class Batch:
    """The executions of one transaction, by identity: two schedules of a task may name the same instant."""

    tasks: Mapping[int, _Task]
    active: dict[int, list[int]]
    now: datetime
    rows: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    replaced: list[int] = field(default_factory=list)

    def add(self, schedule: _Due, plan: misfire.Plan) -> None:
        """Add what `plan` says of `schedule`: what runs, what was missed and why."""
        for missed in plan.missed:
            self._add(schedule, missed.instant, status=Status.MISSED, reason=missed.reason, finished_at=self.now)
        if plan.summary is not None:
            self._add_many(schedule, plan.summary, Status.MISSED)
        # A key of the schedule's own: what its calendar leaves out, another schedule of the task may run.
        of_its_own = f"#{schedule.id}"
        for instant in plan.left_out:
            left_out = {"status": Status.SKIPPED, "reason": "calendar", "finished_at": self.now}
            self._add(schedule, instant, of_its_own, **left_out)
        if plan.left_out_summary is not None:
            self._add_many(schedule, plan.left_out_summary, Status.SKIPPED, of_its_own)
        for fire in plan.fires:
            if (schedule.task_id, fire_key(fire.instant)) not in self.rows:
                available = jittered(trigger_of(schedule), fire.instant) if schedule.jitter else fire.instant
                available = max(self.now, available)
                self._add(schedule, fire.instant, available_at=available, **self._admit(schedule.task_id))

    def _admit(self, task_id: int) -> dict[str, Any]:
        """Apply the task's concurrency policy to one more firing."""
        active = self.active.setdefault(task_id, [])
        policy = self.tasks[task_id].concurrency
        if policy == "skip" and active:
            return {"status": Status.SKIPPED, "reason": "overlap", "finished_at": self.now}
        if policy in ("queue", "replace") and active:
            if policy == "replace":
                self.replaced += [execution_id for execution_id in active if execution_id]
            return {"status": Status.WAITING, "reason": ""}
        # 0 stands for the row that is about to be inserted.
        active.append(0)
        return {"status": Status.QUEUED}

    def _add_many(self, schedule: _Due, gap: misfire.MissedSummary, status: Status, suffix: str = "") -> None:
        several = {"reason": gap.reason, "instants": gap.count, "scheduled_until": gap.last}
        self._add(schedule, gap.first, suffix, status=status, finished_at=self.now, **several)

    def _add(self, schedule: _Due, instant: datetime, suffix: str = "", **values: Any) -> None:
        key = fire_key(instant) + suffix
        self.rows.setdefault(
            (schedule.task_id, key),
            row(
                self.tasks[schedule.task_id],
                key=key,
                trigger="schedule",
                scheduled_for=instant,
                now=self.now,
                **{"schedule_id": schedule.id, **values},
            ),
        )
