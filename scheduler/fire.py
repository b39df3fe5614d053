"""Firing: due schedules become executions, and the schedules move on, in one transaction.

All or nothing: a scheduler that dies between two statements has fired nothing, and another one finds the same rows
due. Several schedulers share the work by row locks (SKIP LOCKED) and `UNIQUE(task_id, fire_key)`, without a leader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import bindparam, func, select, update

from common.clock import Clock
from common.db.models import Schedule, Task, table_of
from common.db.session import Database, ReadSession, WriteSession
from common.db.types import Record
from common.db.wakeup import Topic, notify, poll_interval
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
#: Schedules a transaction; 500 take some 20 ms.
BATCH = 500
#: Seconds between two looks where another scheduler holds what is due.
_SOON = 0.01


@dataclass
class Fire:
    """The tick that fires what is due."""

    database: Database
    clock: Clock

    async def tick(self) -> float:
        """Fire one batch; returns the seconds until the next schedule is due, 0 when more may be due already."""
        async with self.database.read() as session:
            wait = await self._until_next(session)
        if wait > 0:
            return wait
        fired, wait = await self.database.transact(self._fire)
        log.debug("fired", schedules=fired)
        # What is due and was not fired is held by another scheduler: give it time instead of asking without end.
        return wait if wait or fired else _SOON

    async def _fire(self, session: WriteSession) -> tuple[int, float]:
        """Fire a batch; returns how many, and the seconds until the next is due."""
        now = await self.clock.now(session)
        due = (
            await session.execute(
                select(*S.c)
                .where(S.c.next_run_at <= now)
                .order_by(S.c.next_run_at, S.c.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
        ).all()
        if not due:
            return 0, await self._until_next(session)
        tasks = await self._lock_tasks(session, [schedule.task_id for schedule in due])
        days = await calendars.known(session, due)
        plans = [(schedule, _plan(schedule, tasks[schedule.task_id], days, now)) for schedule in due]
        batch = Batch(tasks, await waiting.active_of(session, task_ids=list(tasks)), now)
        for schedule, plan in plans:
            batch.add(schedule, plan)
        await enqueue(session, list(batch.rows.values()))
        if batch.replaced:
            await cancel.request_stop(session, [E.c.id.in_(batch.replaced)], by="replaced by a newer run", now=now)
        await session.execute(
            update(S)
            .where(S.c.id == bindparam("row_id"))
            .values(next_run_at=bindparam("next_at"), runs_at=bindparam("then_at")),
            [{"row_id": schedule.id, "next_at": plan.next_at, "then_at": plan.runs_at} for schedule, plan in plans],
        )
        await notify(session, Topic.QUEUE, *([Topic.CANCEL] if batch.replaced else []))
        return len(due), await self._until_next(session)

    async def _lock_tasks(self, session: WriteSession, ids: Sequence[int]) -> Mapping[int, Record]:
        """Lock the tasks: two schedules of one task must see each other's executions to keep its concurrency policy.

        After the schedules, as everybody who edits a task does.
        """
        columns = (T.c.id, T.c.queue, T.c.priority, T.c.concurrency, T.c.misfire_policy, T.c.misfire_grace)
        rows = await session.execute(
            select(*columns).where(T.c.id.in_(sorted(set(ids)))).order_by(T.c.id).with_for_update()
        )
        return {record.id: record for record in rows}

    async def _until_next(self, session: ReadSession) -> float:
        longest = poll_interval(self.database)
        soonest = await session.scalar(select(func.min(S.c.next_run_at)))
        if soonest is None:
            return longest
        now = await self.clock.now(session)
        return float(min(longest, max(0.0, (soonest - now).total_seconds())))


def _plan(schedule: Record, task: Record, days: calendars.Known, now: datetime) -> misfire.Plan:
    """What becomes of every instant of this schedule up to now; one that cannot be read any more is switched off."""
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

    tasks: Mapping[int, Record]
    active: dict[int, list[int]]
    now: datetime
    rows: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    replaced: list[int] = field(default_factory=list)

    def add(self, schedule: Record, plan: misfire.Plan) -> None:
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
                available = max(self.now, jittered(trigger_of(schedule), fire.instant))
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

    def _add_many(self, schedule: Record, gap: misfire.MissedSummary, status: Status, suffix: str = "") -> None:
        several = {"reason": gap.reason, "instants": gap.count, "scheduled_until": gap.last}
        self._add(schedule, gap.first, suffix, status=status, finished_at=self.now, **several)

    def _add(self, schedule: Record, instant: datetime, suffix: str = "", **values: Any) -> None:
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
