"""The home page: is everything fine, what runs next, what broke and why."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.deps import DatabaseDep, MemoryDep, ReadDep, WriteDep
from api.pages import home_views as views
from api.pages import task_views
from api.pages.deps import LocaleDep, PageUser, PageWriter, RightsDep, WriteLocaleDep
from api.pages.home_chart import RANGES, spans_of
from api.pages.status_view import health_line
from api.rendering import done, render
from common.domain.permissions import sees_all
from common.services import overview, status, tasks
from common.services.inputs import TaskInput

router = APIRouter(prefix="/ui/home", include_in_schema=False)


@router.get("")
async def home(
    request: Request,
    user: PageUser,
    session: ReadDep,
    locale: LocaleDep,
    rights: RightsDep,
    memory: MemoryDep,
    database: DatabaseDep,
    span: Annotated[str, Query(alias="range")] = "",
) -> Response:
    """The first line is the answer; sections with nothing in them are left out."""
    found = await status.processes(session, now=locale.now)
    took = await status.latency(session)
    numbers = await overview.tasks(session, memory)
    if not numbers.every:
        health = health_line(found, database.dialect, took, locale)
        empty = views.empty(found, health, locale)
        return render(
            request, "home.html", block="live", view=empty, may_edit=rights.edit, **task_views.welcome(locale)
        )
    spans = spans_of(span if span in RANGES else RANGES[0], locale)
    facts = await overview.facts(session, memory, spans.columns, spans.today, spans.yesterday, now=locale.now)
    everything = sees_all(session.actor)
    health = health_line(found, database.dialect, took, locale, busy=facts.running_count if everything else None)
    shown = views.home_view(facts, found, numbers, spans, locale, health=health, everything=everything)
    return render(request, "home.html", block="live", view=shown, may_edit=rights.edit)


@router.post("/examples/{number}")
async def add_example(
    request: Request,
    number: Annotated[int, Path(ge=0, le=99)],
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
) -> Response:
    """Make a task of an example, with one click."""
    data = TaskInput.model_validate(task_views.example(number, locale))
    task = await tasks.create(session, data, owner_id=user.user_id, now=locale.now)
    text = locale.gettext("%(name)s is created.", name=task.name)
    return done(request, text, task_views.task_url(task.id), leave=True)
