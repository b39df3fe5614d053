"""Pages about teams: administrators make and change them, members see theirs."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from pydantic import ValidationError

from api.access import FOR_ADMINISTRATORS
from api.deps import ReadDep, WriteDep
from api.formats import Locale
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageAdministrator, PageUser, WriteLocaleDep
from api.pages.parts import Address, pager
from api.pages.team_form import TeamForm, checked
from api.problems import field_errors
from api.rendering import done, render
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import ADMINISTRATOR
from common.errors import DomainError
from common.i18n import localized
from common.queries import teams as queries
from common.services import teams
from common.services.teams import TeamPatch

URL = "/ui/teams"
_SIZE = 50
router = APIRouter(prefix=URL, include_in_schema=False)
TeamId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Text = Annotated[str, Form(max_length=100_000)]


@router.get("")
async def list_teams(
    request: Request, user: PageUser, session: ReadDep, locale: LocaleDep, page: str = "1"
) -> Response:
    """The teams: all to administrators, to others those they are in."""
    number = max(1, int(page)) if page.isdecimal() and 0 < len(page) < 7 else 1
    found, total = await teams.list_page(session, page=number, page_size=_SIZE)
    pages = pager(Address(URL, {}), locale, page=number, size=_SIZE, shown=len(found), total=total)
    may_edit = user.role == ADMINISTRATOR
    return render(request, "teams/list.html", block="live", teams=found, pager=pages, may_edit=may_edit)


@router.get("/create", openapi_extra=FOR_ADMINISTRATORS)
async def new_team(request: Request, user: PageAdministrator, session: ReadDep, locale: LocaleDep) -> Response:
    """An empty form."""
    return await _form(request, session, TeamForm(), locale)


@router.post("/create", openapi_extra=FOR_ADMINISTRATORS)
async def create_team(
    request: Request,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    name: Text = "",
    members: Text = "",
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    form = TeamForm(name, members)
    if wrong := await _store(session, form, locale):
        return await _form(request, session, form, locale, wrong=wrong)
    return done(request, locale.gettext("%(name)s is created.", name=name.strip()), URL)


@router.get("/{team_id}/edit", openapi_extra=FOR_ADMINISTRATORS)
async def edit_team(
    request: Request, team_id: TeamId, user: PageAdministrator, session: ReadDep, locale: LocaleDep
) -> Response:
    """The form of a team."""
    found = await teams.view(session, team_id)
    return await _form(request, session, TeamForm(found.name, "\n".join(found.members)), locale, team_id=team_id)


@router.post("/{team_id}/update", openapi_extra=FOR_ADMINISTRATORS)
async def update_team(
    request: Request,
    team_id: TeamId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    name: Text = "",
    members: Text = "",
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    form = TeamForm(name, members)
    await teams.view(session, team_id)
    if wrong := await _store(session, form, locale, team_id=team_id):
        return await _form(request, session, form, locale, wrong=wrong, team_id=team_id)
    return done(request, locale.gettext("Saved."), URL)


@router.post("/{team_id}/delete", openapi_extra=FOR_ADMINISTRATORS)
async def delete_team(
    request: Request,
    team_id: TeamId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a team; its members stay."""
    _, found = locale.gettext, await teams.view(session, team_id)
    if not confirmed:
        told = _("Its members lose what is shared with the team. They themselves, and the tasks, stay.")
        question = _("Delete %(name)s?", name=found.name)
        url = f"{URL}/{team_id}/delete"
        return ask(request, Question(question, told, url, _("Delete the team"), _("Keep it"), back=URL, danger=True))
    await teams.remove(session, team_id, now=locale.now)
    return done(request, _("%(name)s is deleted.", name=found.name), URL)


async def _store(
    session: WriteSession, form: TeamForm, locale: Locale, *, team_id: int | None = None
) -> dict[str, str]:
    """Store; what is wrong is returned, and nothing of it stays in the transaction."""
    try:
        data = checked(form)
        async with session.begin_nested():
            if team_id is None:
                await teams.create(session, data, now=locale.now)
            else:
                await teams.update(session, team_id, TeamPatch(**data.model_dump()), now=locale.now)
    except ValidationError as error:
        items = field_errors(error.errors(include_url=False), locale.lang)
        return {("name" if item["field"] == "name" else "members"): item["message"] for item in items}
    except DomainError as error:
        return {error.field or "name": localized(error, locale.lang)}
    return {}


async def _form(
    request: Request,
    session: ReadSession,
    form: TeamForm,
    locale: Locale,
    *,
    wrong: Mapping[str, str] | None = None,
    team_id: int | None = None,
) -> Response:
    """The form with what was typed; errors beside their fields, and then the answer is 422."""
    _ = locale.gettext
    return render(
        request,
        "teams/form.html",
        status=422 if wrong else 200,
        form=form,
        errors=dict(wrong or {}),
        people=await queries.colleagues(session),
        heading=_("Edit team") if team_id else _("New team"),
        submit=_("Save") if team_id else _("Create team"),
        action=f"{URL}/{team_id}/update" if team_id else f"{URL}/create",
    )
