"""Schedules of a task: from what people wrote to rows, and back to triggers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from common.db.models import Schedule, Task
from common.db.session import ReadSession, WriteSession
from common.domain import apscheduler, triggers
from common.errors import Invalid
from common.services.inputs import ScheduleInput, TaskInput


def wanted(data: TaskInput) -> list[tuple[str, ScheduleInput]]:
    """The schedules that `data` asks for, each with the field people know it by. Raises Invalid."""
    if data.schedules is not None:
        return [(f"schedules.{number}.expr", item) for number, item in enumerate(data.schedules)]
    if data.cron is None or data.cron == "":
        return []
    if isinstance(data.cron, str):
        return [("cron", ScheduleInput(expr=data.cron.strip()[:255] or " "))]
    try:
        return [("cron", ScheduleInput.model_validate(apscheduler.translate(data.cron)))]
    except triggers.InvalidSchedule as error:
        raise Invalid(str(error), field=f"cron.{error.field}") from None


def parse(item: ScheduleInput, *, field: str, zone: str, key: str, now: datetime) -> triggers.Trigger:
    """The trigger `item` describes; raises Invalid naming the field that is wrong."""
    try:
        return triggers.parse(
            item.kind,
            item.expr,
            timezone=item.timezone or zone,
            start_at=item.start_at,
            end_at=item.end_at,
            hash_key=key,
            jitter=item.jitter,
            now=now,
        )
    except triggers.InvalidSchedule as error:
        name = field if error.field in ("cron", "expr") else error.field
        raise Invalid(str(error), field=name) from None


def trigger_of(schedule: Schedule) -> triggers.Trigger:
    """The trigger of a stored schedule; it was checked when it was stored."""
    return triggers.Trigger(
        kind=schedule.kind,
        expr=schedule.expr,
        timezone=schedule.timezone,
        start_at=schedule.start_at,
        end_at=schedule.end_at,
        anchor=schedule.anchor,
        hash_key=hash_key(schedule.task_id),
        jitter=schedule.jitter,
    )


def hash_key(task_id: int | None) -> str:
    """What `H` and jitter are derived from: the same for a task, different between tasks."""
    return f"task:{task_id}"


async def of_tasks(session: ReadSession, task_ids: Sequence[int]) -> dict[int, list[Schedule]]:
    """The schedules of these tasks, in the order they were written."""
    rows = await session.scalars(select(Schedule).where(Schedule.task_id.in_(task_ids)).order_by(Schedule.id))  # type: ignore[attr-defined, arg-type]
    found: dict[int, list[Schedule]] = {task_id: [] for task_id in task_ids}
    for schedule in rows:
        found[schedule.task_id].append(schedule)
    return found


async def lock(session: WriteSession, task_ids: Sequence[int]) -> list[Schedule]:
    """Lock the schedules of these tasks against the scheduler.

    Always before the task's own row, as firing does: two orders would be a deadlock.
    """
    rows = await session.scalars(
        select(Schedule)
        .where(Schedule.task_id.in_(sorted(task_ids)))  # type: ignore[attr-defined]
        .order_by(Schedule.id)  # type: ignore[arg-type]
        .with_for_update()
        .execution_options(populate_existing=True)  # what this session read before may be old by now
    )
    return list(rows)


async def replace(
    session: WriteSession, task: Task, existing: Sequence[Schedule], data: TaskInput, *, now: datetime
) -> None:
    """Make the schedules of `task` what `data` says. One that stays as it was keeps its next instant."""
    kept: set[int | None] = set()
    for field, item in wanted(data):
        trigger = parse(item, field=field, zone=data.timezone or "UTC", key=hash_key(task.id), now=now)
        same = next((row for row in existing if row.id not in kept and _describes(row, trigger)), None)
        if same is None:
            assert task.id is not None
            same = Schedule(task_id=task.id, kind=trigger.kind, expr=trigger.expr, timezone=trigger.timezone)
            same.start_at, same.end_at = trigger.start_at, trigger.end_at
            same.anchor, same.jitter = trigger.anchor, trigger.jitter
            session.add(same)
            same.next_run_at = trigger.next_after(now) if task.enabled else None
            await session.flush()
        kept.add(same.id)
    for row in existing:
        if row.id not in kept:
            await session.delete(row)


def _describes(row: Schedule, trigger: triggers.Trigger) -> bool:
    names = ("kind", "expr", "timezone", "start_at", "end_at", "jitter")
    return all(getattr(row, name) == getattr(trigger, name) for name in names)


def restart(schedules: Sequence[Schedule], *, enabled: bool, now: datetime) -> None:
    """Switch schedules on, from now and never from where they stopped, or off."""
    for schedule in schedules:
        schedule.next_run_at = trigger_of(schedule).next_after(now) if enabled else None


def coming(rows: Sequence[Schedule], *, after: datetime, count: int) -> list[triggers.PreviewInstant]:
    """The next `count` instants after `after` over several schedules; one instant runs a task once."""
    found = {
        item.utc: item for row in rows for item in triggers.preview(trigger_of(row), after=after, count=count).next
    }
    return [found[instant] for instant in sorted(found)][:count]
