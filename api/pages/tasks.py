"""Pages about tasks: the list, one task, its form, and the preview of a schedule."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access import takes
from api.deps import DatabaseDep, MemoryDep, ReadDep, WriteDep
from api.formats import Locale
from api.pages import form_page, task_views
from api.pages.deps import LocaleDep, PageUser, PageWriter, RightsDep, TaskId, WriteLocaleDep
from api.pages.execution_views import execution_row
from api.pages.ledger_views import why_now
from api.pages.schedule_preview import preview_from
from api.pages.task_form import TaskForm, checked, domain_field, empty, from_request, from_task, switched
from api.pages.task_head import head_of
from api.pages.trend_view import METRICS, RUNS
from api.rendering import done, is_fragment, render
from common.db.models import User
from common.db.session import Database, WriteSession
from common.domain.permissions import Right
from common.domain.states import TaskState
from common.errors import DomainError
from common.queries import executions as execution_queries
from common.queries import tasks as queries
from common.queries import trend
from common.queries.executions import ExecutionQuery
from common.queries.newest import newest
from common.queries.task_states import States, read_states
from common.queries.tasks import ATTENTION, SORTS, TaskQuery
from common.services import ledger, tasks
from common.services.inputs import TaskInput, TaskPatch
from common.services.memory import eyes

router = APIRouter(prefix="/ui/tasks", include_in_schema=False)
preview_router = APIRouter(prefix="/ui/cron", include_in_schema=False)
_STATES = {each.lower(): each for each in TaskState}


def task_query(
    q: Annotated[str, Query(max_length=200)] = "",
    status: str = "",
    tag: str = "",
    sort: str = "",
    page: str = "1",
    queue: Annotated[str, Query(max_length=64)] = "",
) -> TaskQuery:
    """The list that a URL asks for; what it asks wrongly counts as not asked."""
    state = _STATES.get(status)
    order = sort if sort == ATTENTION or sort.removeprefix("-") in SORTS else ""
    number = int(page) if page.isdecimal() and 0 < len(page) < 7 else 1
    return TaskQuery(search=q.strip(), status=state, tag=tag[:50], sort=order, page=max(1, number), queue=queue)


async def _summary(database: Database) -> tuple[States, dict[TaskState, int], list[str]]:
    """What the list says of all tasks: which are something special, how many show which state, the tags in use."""
    async with database.read() as session:
        states = await read_states(session)
        return states, await queries.counts(session, states), await queries.tags(session)


@router.get("")
async def list_tasks(
    request: Request,
    session: ReadDep,
    database: DatabaseDep,
    locale: LocaleDep,
    rights: RightsDep,
    memory: MemoryDep,
    query: Annotated[TaskQuery, Depends(task_query)],
) -> Response:
    """The task list."""
    look = partial(_summary, database)
    states, counts, tags = await memory.of(("tasks", eyes(session.actor)), None, look, behind=True)
    query = replace(query, sort=query.sort or task_views.usual_sort(counts))
    views, total = await tasks.list_page(session, query, states, queries.counted(query, counts))
    recent = await newest(session, [view.task.id for view in views if view.task.id is not None])
    rows = [task_views.task_row(view, recent[view.task.id], locale) for view in views if view.task.id]
    view = task_views.list_view(query, rows, total, counts, tags, locale)
    welcome = task_views.welcome(locale) if view.nothing_yet else {}
    block = None if view.nothing_yet else ("chips", "list")
    return render(request, "tasks/list.html", block=block, view=view, may_edit=rights.edit, **welcome)


@router.get("/create")
async def new_task(request: Request, user: PageWriter, session: ReadDep, locale: LocaleDep) -> Response:
    """An empty form of the kind asked for; an example may fill in some of it."""
    given: dict[str, Any] = {key: request.query_params.get(key, "")[:2000] for key in ("name", "command", "cron")}
    chosen = {key: request.query_params.get(f"spec_{key}", "")[:255] for key in ("data_source_id", "upload_id")}
    form = empty(request.query_params.get("kind"), chosen=chosen, **given, timezone=locale.zone.key)
    return await form_page.show(request, session, form, locale)


@router.post("/create")
async def create_task(request: Request, user: PageWriter, session: WriteDep, locale: WriteLocaleDep) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    typed = await request.form()
    form = from_request(typed)
    if other := typed.get("switch"):
        return await form_page.show(request, session, switched(form, other), locale)
    values, wrong = checked(form, locale.lang)
    if not wrong:
        try:
            async with session.begin_nested():
                task = await tasks.create(session, TaskInput(**values), owner_id=user.user_id, now=locale.now)
            return done(request, locale.gettext("%(name)s is created.", name=task.name), task_views.task_url(task.id))
        except DomainError as error:
            wrong = domain_field(form, error, locale.lang)
    return await form_page.show(request, session, form, locale, wrong=wrong)


@router.get("/{task_id}")
async def show_task(
    request: Request, task_id: TaskId, session: ReadDep, locale: LocaleDep, metric: str = ""
) -> Response:
    """One task at a glance: its trend, what went wrong last, its newest runs and its next."""
    view = await tasks.view(session, task_id)
    here = locale.in_zone(view.schedules[0].timezone) if view.schedules else locale
    recent = await trend.newest(session, task_id, limit=RUNS)
    newest = await execution_queries.page(session, ExecutionQuery(task_id=task_id, page_size=8))
    said = {each.id: await execution_queries.output(session, each.id) for each in task_views.failures(recent)}
    owner = await session.get(User, view.task.owner_id) if view.task.owner_id else None
    found = task_views.overview(
        view,
        recent,
        [execution_row(row, here) for row in newest.rows],
        here,
        metric=metric if metric in METRICS else METRICS[0],
        owner=owner.username if owner else "",
        said={key: (out or "", err or "") for key, (out, err) in said.items()},
    )
    why = why_now(await ledger.why(session, task_id, at=None, now=locale.now), here)
    return render(request, "tasks/detail.html", block="live", head=head_of(view, recent, here, why), view=found)


@router.get("/{task_id}/menu")
async def task_menu(request: Request, task_id: TaskId, session: ReadDep, locale: LocaleDep) -> Response:
    """What the menu of a row offers, asked for when it is opened: fifty of them were half of the list."""
    view = await tasks.view(session, task_id)
    return render(request, "tasks/menu.html", row=task_views.task_row(view, [], locale))


@router.get("/{task_id}/edit", openapi_extra=takes(Right.EDIT))
async def edit_task(
    request: Request, task_id: TaskId, user: PageWriter, session: ReadDep, locale: LocaleDep
) -> Response:
    """The form of a stored task."""
    await tasks.get(session, task_id, Right.EDIT)
    view = await tasks.view(session, task_id)
    return await form_page.show(request, session, from_task(view), locale, task=view.task)


@router.post("/{task_id}/update")
async def update_task(
    request: Request, task_id: TaskId, user: PageWriter, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    await tasks.get(session, task_id, Right.EDIT)
    form = from_request(await request.form())
    values, wrong = checked(form, locale.lang)
    if not wrong:
        wrong = await _update(session, task_id, form, values, locale, user.username)
    if wrong:
        return await form_page.show(request, session, form, locale, wrong=wrong, task=await tasks.get(session, task_id))
    return done(request, locale.gettext("Saved."), task_views.task_url(task_id))


async def _update(
    session: WriteSession, task_id: int, form: TaskForm, values: Mapping[str, object], locale: Locale, by: str
) -> dict[str, str]:
    """Store; what is wrong is returned, and nothing of it stays in the transaction."""
    try:
        async with session.begin_nested():
            await tasks.update(session, task_id, TaskPatch.model_validate(values), now=locale.now, by=by)
    except DomainError as error:
        return domain_field(form, error, locale.lang)
    return {}


@preview_router.get("/preview")
async def preview(request: Request, user: PageUser, session: ReadDep, locale: LocaleDep) -> Response:
    """The sentence and the next ten runs of what stands in the form so far."""
    names = ("schedule", "cron", "every", "unit", "at", "calendar", "calendar_rule", "jitter")
    typed: dict[str, Any] = {name: request.query_params.get(name, "")[:255] for name in names}
    form = TaskForm(**typed, timezone=request.query_params.get("timezone", "")[:64] or "UTC")
    task = request.query_params.get("task", "")
    number = int(task) if task.isdecimal() and len(task) < 19 else None
    found = await preview_from(session, form, locale, count=10, task_id=number)
    return render(request, "tasks/_preview.html", preview=found, fragment=is_fragment(request))
