"""Pages about the files that executions left: all of them, a link to one, its end."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response

from api.access import takes
from api.deps import ReadDep, SettingsDep, SigningKeyDep, WriteDep
from api.invitations import public_url
from api.pages import file_views as views
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageWriter, WriteLocaleDep
from api.rendering import done, render
from common.domain.permissions import Right
from common.queries import artifacts as queries
from common.queries.artifacts import ArtifactQuery
from common.services import artifacts

router = APIRouter(prefix=views.URL, include_in_schema=False)
ArtifactId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_SIZE = 50
#: Days a link of the page works.
_DAYS = 7


@router.get("")
async def list_files(
    request: Request,
    session: ReadDep,
    locale: LocaleDep,
    q: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[str, Query(max_length=18)] = "",
) -> Response:
    """Files of all tasks, the newest first, and how much room they take."""
    last = int(before) if before.isdecimal() else None
    query = ArtifactQuery(search=q.replace("\x00", "").strip(), before=last, limit=_SIZE + 1)
    rows = await queries.page(session, query, now=locale.now)
    totals = await queries.totals(session, query, now=locale.now)
    view = views.files_view(rows, totals, query.search, last, _SIZE, locale)
    return render(request, "files/list.html", block="live", view=view)


@router.post("/{artifact_id}/link", openapi_extra=takes(Right.RUN))
async def link(
    request: Request,
    artifact_id: ArtifactId,
    user: PageWriter,
    session: WriteDep,
    settings: SettingsDep,
    key: SigningKeyDep,
    locale: WriteLocaleDep,
) -> Response:
    """A link that gives the file to whoever has it."""
    row = await artifacts.get(session, artifact_id, now=locale.now, need=Right.RUN)
    longest = timedelta(days=settings.link_days)
    made = await artifacts.link(
        session,
        artifact_id,
        signing_key=key,
        lifetime=timedelta(days=_DAYS),
        longest=longest,
        now=locale.now,
    )
    return render(
        request,
        "files/link.html",
        block="dialog",
        file=row.name,
        link=public_url(request) + made.path,
        until=f"{locale.stamp(made.expires_at)}{locale.comma}{locale.zone.key}",
        back=f"/ui/executions/{row.execution_id}",
    )


@router.post("/{artifact_id}/revoke", openapi_extra=takes(Right.RUN))
async def revoke(
    request: Request, artifact_id: ArtifactId, user: PageWriter, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """End every link to the file."""
    row = await artifacts.get(session, artifact_id, now=locale.now, need=Right.RUN)
    await artifacts.revoke_links(session, artifact_id, now=locale.now)
    told = locale.gettext("Links to %(name)s do not work any more.", name=row.name)
    return done(request, told, f"/ui/executions/{row.execution_id}", leave=True)


@router.post("/{artifact_id}/delete")
async def delete(
    request: Request,
    artifact_id: ArtifactId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete the file before its time."""
    _, row = locale.gettext, await artifacts.get(session, artifact_id, now=locale.now, need=Right.EDIT)
    back = f"/ui/executions/{row.execution_id}"
    if not confirmed:
        asked = _("Delete %(name)s?", name=row.name)
        told = _("Links to it end, too. The execution and its output stay.")
        action = f"{views.URL}/{artifact_id}/delete"
        return ask(request, Question(asked, told, action, _("Delete the file"), _("Keep it"), back, True))
    await artifacts.delete(session, artifact_id, now=locale.now)
    return done(request, _("%(name)s is deleted.", name=row.name), back, leave=True)
