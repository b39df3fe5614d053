"""The tabs of a task's page beside the overview: its executions, its definition and versions, its audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from api.access import takes
from api.deps import ReadDep, WriteDep
from api.pages import audit_views, execution_views, task_head
from api.pages.confirm import Question, ask
from api.pages.definition_view import SIZE, definition_view
from api.pages.deps import LocaleDep, PageWriter, TaskId, WriteLocaleDep
from api.pages.executions import execution_query
from api.pages.history_view import RUNS, chart, history_view
from api.pages.trend_view import METRICS
from api.rendering import done, render
from common.domain.permissions import Right
from common.queries import audit, executions, trend
from common.queries import versions as version_queries
from common.queries.audit import AuditQuery
from common.queries.executions import ExecutionQuery
from common.services import definitions, tasks

router = APIRouter(prefix="/ui/tasks", include_in_schema=False)
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < len(text) < 10 and int(text) else None


@router.get("/{task_id}/executions")
async def show_executions(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    locale: LocaleDep,
    query: Annotated[ExecutionQuery, Depends(execution_query)],
) -> Response:
    """All executions of the task, the newest first."""
    _view, head, here = await task_head.load(session, task_id, locale)
    mine = ExecutionQuery(task_id=task_id, status=query.status, page=query.page)
    found = await executions.page(session, mine)
    view = execution_views.list_view(mine, found, None, here, path=f"{head.url}/executions")
    return render(request, "tasks/executions.html", block=("chips", "list"), head=head, view=view)


@router.get("/{task_id}/trend")
async def show_trend(
    request: Request, task_id: TaskId, session: ReadDep, locale: LocaleDep, metric: str = ""
) -> Response:
    """What the newest thousand runs took, over time."""
    view, head, here = await task_head.load(session, task_id, locale)
    runs = await trend.newest(session, task_id, limit=RUNS)
    found = history_view(view, runs, metric if metric in METRICS else METRICS[0], here)
    return render(request, "tasks/trend.html", head=head, view=found)


@router.get("/{task_id}/trend/data")
async def trend_data(
    request: Request, task_id: TaskId, session: ReadDep, locale: LocaleDep, metric: str = ""
) -> Response:
    """The same for the script that draws it."""
    view = await tasks.view(session, task_id)
    runs = await trend.newest(session, task_id, limit=RUNS)
    found = chart(view, runs, metric if metric in METRICS else METRICS[0], locale)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@router.get("/{task_id}/definition")
async def show_definition(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    locale: LocaleDep,
    version: str = "",
    against: str = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """What the task is in a version, by default the newest, and what that one changed."""
    view, head, here = await task_head.load(session, task_id, locale)
    task, number = view.task, _number(page) or 1
    shown = await definitions.get(session, task, _number(version) or task.version)
    other = _number(against) or await version_queries.before(session, task_id, shown.version)
    before = await definitions.get(session, task, other) if other else None
    rows, total = await definitions.page(session, task, number=number, size=SIZE)
    found = definition_view(
        shown, before, rows, total, number, newest=task.version, url=head.url, may_edit=head.may_edit, locale=here
    )
    return render(request, "tasks/definition.html", head=head, view=found)


@router.post("/{task_id}/versions/{version}/restore")
async def restore(
    request: Request,
    task_id: TaskId,
    version: Version,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Make the task what it was in a version, after asking."""
    task = await tasks.get(session, task_id, Right.EDIT)
    _, url = locale.gettext, f"/ui/tasks/{task_id}"
    if not confirmed:
        told = _("The task becomes what it was then, as a new version. Whether it is paused stays as it is.")
        title = _("Go back to version %(n)s of %(name)s?", n=version, name=task.name)
        where = f"{url}/versions/{version}/restore"
        return ask(request, Question(title, told, where, _("Go back to it"), _("Leave it"), f"{url}/definition"))
    await definitions.restore(session, task_id, version, now=locale.now, by=user.username)
    return done(request, _("Version %(n)s is in force again.", n=version), f"{url}/definition", leave=True)


@router.get("/{task_id}/audit", openapi_extra=takes(Right.EDIT))
async def show_audit(
    request: Request, task_id: TaskId, user: PageWriter, session: ReadDep, locale: LocaleDep, before: str = ""
) -> Response:
    """Who changed, ran or was refused what of this task, the newest first."""
    await tasks.get(session, task_id, Right.EDIT)
    _view, head, here = await task_head.load(session, task_id, locale)
    query = AuditQuery(object_kind="task", object_id=str(task_id), before=_number(before))
    rows = await audit.page(session, query, limit=audit_views.SIZE + 1)
    view = audit_views.of_task(rows, f"{head.url}/audit", here, older_than=query.before)
    return render(request, "tasks/audit.html", head=head, view=view)
