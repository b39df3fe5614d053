"""Tasks as the API shows them."""

from collections.abc import Mapping
from typing import Any

from api.schemas.base import Answer, Instant
from common.db.models import Schedule
from common.domain.describe import describe
from common.domain.states import Status, TaskState
from common.domain.triggers import Trigger
from common.domain.variables import links
from common.kinds import KINDS
from common.kinds.base import KIND_SPEC
from common.services.schedules import trigger_of
from common.services.tasks import TaskView, is_plain


class ScheduleOut(Answer):
    """A schedule of a task."""

    id: int
    kind: str
    expr: str
    timezone: str
    start_at: Instant | None
    end_at: Instant | None
    jitter: int
    calendar: str | None
    calendar_id: int | None
    calendar_rule: str | None
    next_run_at: Instant | None
    text: dict[str, str]

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleOut":
        """The answer for a row, with the schedule in words (en, zh)."""
        own = {name: getattr(schedule, name) for name in cls.model_fields if hasattr(schedule, name)}
        calendar = {"calendar": schedule.calendar_name or None, "calendar_rule": schedule.calendar_rule or None}
        shown = {"next_run_at": schedule.shows_next, "text": words(trigger_of(schedule))}
        return cls.model_validate(own | calendar | shown)


def words(trigger: Trigger) -> dict[str, str]:
    """A schedule in words: {"en": ..., "zh": ...}."""
    return {"en": describe(trigger, "en"), "zh": describe(trigger, "zh")}


def shown_spec(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a task's kind was told, with what was left unsaid."""
    stored: dict[str, Any] = spec.get(KIND_SPEC, {})
    return KINDS[kind].shown(stored) if kind in KINDS else stored


class LastExecution(Answer):
    """The newest execution of a task that has ended."""

    id: int
    status: Status
    scheduled_for: Instant
    started_at: Instant | None
    finished_at: Instant | None
    exit_code: int | None
    error: str | None


class LimitsOut(Answer):
    """What a task may use: bytes, seconds of CPU, processes, open files, niceness; null = no limit."""

    memory: int | None = None
    cpu: int | None = None
    processes: int | None = None
    files: int | None = None
    nice: int | None = None


class TaskOut(Answer):
    """A task with its schedules and its state."""

    id: int
    name: str
    description: str
    kind: str
    command: str
    spec: dict[str, Any]
    cron: str | None
    schedules: list[ScheduleOut]
    timezone: str
    env: dict[str, str]
    variables: list[str]
    args: list[str]
    cwd: str | None
    limits: LimitsOut | None
    run_as: str | None
    files_days: int | None
    timeout: float | None
    retries: int
    retry_delay: float
    retry_backoff: float
    queue: str
    priority: int
    enabled: bool
    paused_at: Instant | None
    paused_by: str
    tags: list[str]
    max_history: int | None
    concurrency: str
    delivery: str
    misfire_policy: str
    misfire_grace: int | None
    status: TaskState
    next_run_at: Instant | None
    last_execution: LastExecution | None
    running: list[int]
    owner_id: int | None
    version: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, view: TaskView) -> "TaskOut":
        """The answer for a task."""
        task, rows = view.task, view.schedules
        own: dict[str, Any] = {name: getattr(task, name) for name in cls.model_fields if hasattr(task, name)}
        return cls.model_validate(
            own
            | {
                "cron": rows[0].expr if len(rows) == 1 and is_plain(rows[0]) else None,
                "schedules": [ScheduleOut.of(row) for row in rows],
                "timezone": rows[0].timezone if rows else "UTC",
                "spec": shown_spec(task.kind, task.spec),
                "env": task.spec.get("env", {}),
                "variables": [name for _, name in links(task.spec)],
                "args": task.spec.get("args", []),
                "cwd": task.spec.get("cwd"),
                "limits": task.spec.get("limits"),
                "run_as": task.spec.get("run_as"),
                "files_days": task.spec.get("files_days"),
                "status": view.condition.state(enabled=task.enabled),
                "next_run_at": view.condition.next_run_at,
                "last_execution": LastExecution.model_validate(view.condition.last) if view.condition.last else None,
                "running": view.condition.running,
            }
        )


class TaskStatus(Answer):
    """The state of a task and what it is doing."""

    task_id: int
    status: TaskState
    enabled: bool
    running: list[int]
    pending: list[int]
    last_execution: LastExecution | None
    next_run_at: Instant | None

    @classmethod
    def of(cls, view: TaskView) -> "TaskStatus":
        """The answer for a task."""
        shown = TaskOut.of(view)
        return cls(
            task_id=shown.id,
            status=shown.status,
            enabled=shown.enabled,
            running=view.condition.running,
            pending=view.condition.pending,
            last_execution=shown.last_execution,
            next_run_at=shown.next_run_at,
        )


class Deleted(Answer):
    """A task that is gone."""

    id: int
    deleted: bool = True


class CleanedUp(Answer):
    """How many finished executions were deleted."""

    task_id: int
    deleted: int


class BulkItem(Answer):
    """What became of one id."""

    id: int
    ok: bool
    error: str | None
    execution_id: int | None


class BulkOut(Answer):
    """What became of each id; one that failed did not hold up the rest."""

    results: list[BulkItem]
    succeeded: int
    failed: int
