"""When something runs: for an expression, and for a task."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from api.deps import ReadDep, ReadNow
from api.problems import language
from api.schemas import cron as schema
from api.schemas.base import TaskId
from api.schemas.tasks import words
from common.domain import triggers
from common.domain.calendars import Rule
from common.errors import Invalid
from common.i18n import N_
from common.services import schedules, tasks
from common.services.inputs import ScheduleInput, Time

router = APIRouter(tags=["cron"])


@router.get("/cron/next")
async def cron_next(
    request: Request,
    session: ReadDep,
    now: ReadNow,
    expr: Annotated[str | None, Query(max_length=255, description="Cron expression, interval or instant.")] = None,
    cron: Annotated[str | None, Query(max_length=255, description="The same as `expr`.")] = None,
    kind: Literal["cron", "interval", "once"] = "cron",
    timezone: Annotated[str, Query(max_length=64)] = "UTC",
    count: Annotated[int, Query(ge=1, le=100)] = 5,
    after: Annotated[Time | None, Query(description="ISO instant; now when left out.")] = None,
    calendar: Annotated[
        str | None, Query(max_length=100, description="A calendar by name, yours or a built-in one such as CN.")
    ] = None,
    calendar_rule: Rule | None = None,
) -> schema.CronNext:
    """The next instants of an expression, in UTC and local time, with the expression in words."""
    name = "cron" if expr is None and cron is not None else "expr"
    text = (expr if expr is not None else cron or "").strip()
    if not text:
        raise Invalid(N_("Give a cron expression, for example expr=*/5 * * * *"), field="expr")
    start = after or now
    written: dict[str, Any] = {"kind": kind, "expr": text, "timezone": timezone, "calendar_rule": calendar_rule}
    item = ScheduleInput.model_construct(**written, calendar=(calendar or "").strip() or None)
    preview, trigger = await schedules.previewed(session, item, field=name, after=start, count=count, now=now)
    lang = language(request)
    return schema.CronNext(
        next=schema.instants(preview, lang), text=words(trigger), warnings=schema.warnings(preview, lang)
    )


@router.get("/tasks/{task_id}/next-run")
async def next_run(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    now: ReadNow,
    count: Annotated[int, Query(ge=1, le=100)] = 5,
) -> schema.NextRun:
    """When the task runs next, over all its schedules."""
    view = await tasks.view(session, task_id)
    enabled = view.task.enabled
    coming = schedules.coming(view.schedules, after=now, count=count, days=view.days) if enabled else []
    first = coming[0] if coming else None
    return schema.NextRun(
        task_id=task_id,
        enabled=enabled,
        next_run_at=view.condition.next_run_at,
        local=schema.local(first.local) if first else None,
        timezone=view.schedules[0].timezone if view.schedules else None,
        next=schema.instants(triggers.Preview(next=coming, warnings=[]), language(request)),
    )
