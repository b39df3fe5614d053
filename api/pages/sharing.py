"""The page on which a task is shared with people and teams, or given to somebody else."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from api.access import takes
from api.deps import ReadDep, WriteDep
from api.formats import Locale
from api.pages import sharing_form
from api.pages.deps import LocaleDep, PageWriter, TaskId, WriteLocaleDep
from api.pages.sharing_form import RIGHTS, ShareRow
from api.pages.task_views import task_url
from api.rendering import done, render
from common.db.session import ReadSession
from common.domain.permissions import Right
from common.errors import DomainError
from common.i18n import localized
from common.queries import teams as queries
from common.services import sharing, teams
from common.services.sharing import Sharing

router = APIRouter(prefix="/ui/tasks/{task_id}/sharing", include_in_schema=False)


@router.get("", openapi_extra=takes(Right.OWN))
async def show_sharing(
    request: Request, task_id: TaskId, user: PageWriter, session: ReadDep, locale: LocaleDep
) -> Response:
    """Who has the task, as a form."""
    found = await sharing.of_task(session, task_id)
    return await _page(request, session, found, sharing_form.rows_of(found), locale)


@router.post("", openapi_extra=takes(Right.OWN))
async def share(
    request: Request, task_id: TaskId, user: PageWriter, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Share the task with those who stand in the form and with nobody else; or show it again with what is wrong."""
    found = await sharing.of_task(session, task_id)
    rows = sharing_form.from_request(await request.form())
    data, wrong = sharing_form.checked(rows, locale)
    if data is not None:
        try:
            async with session.begin_nested():
                await sharing.share(session, task_id, data, now=locale.now)
            return done(request, locale.gettext("Saved."), f"{task_url(task_id)}/sharing", leave=True)
        except DomainError as error:
            wrong = {sharing_form.row_of(error.field, rows): localized(error, locale.lang)}
    return await _page(request, session, found, rows, locale, wrong=wrong)


@router.post("/owner", openapi_extra=takes(Right.OWN))
async def give(
    request: Request,
    task_id: TaskId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    owner: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Give the task to somebody else."""
    found = await sharing.of_task(session, task_id)
    try:
        async with session.begin_nested():
            await sharing.give(session, task_id, owner.strip(), now=locale.now)
    except DomainError as error:
        rows = sharing_form.rows_of(found)
        return await _page(request, session, found, rows, locale, wrong={"owner": localized(error, locale.lang)})
    text = locale.gettext("%(name)s is %(owner)s's now.", name=found.task_name, owner=owner.strip())
    return done(request, text, "/ui/tasks", leave=True)


async def _page(
    request: Request,
    session: ReadSession,
    found: Sharing,
    rows: list[ShareRow],
    locale: Locale,
    *,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    mine, _total = await teams.list_page(session, page=1, page_size=200)
    return render(
        request,
        "tasks/sharing.html",
        status=422 if wrong else 200,
        sharing=found,
        url=task_url(found.task_id),
        rows=rows,
        rights=[(key, locale.gettext(label)) for key, label in RIGHTS.items()],
        errors=dict(wrong or {}),
        people=await queries.colleagues(session),
        teams=[each.name for each in mine],
    )
