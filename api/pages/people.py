"""Pages about users, for administrators: the list, and making and changing them."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError

from api.access import FOR_ADMINISTRATORS
from api.deps import ClockDep, DatabaseDep, ReadDep
from api.formats import Locale
from api.invitations import invitation_url
from api.pages import account_views
from api.pages import people_views as views
from api.pages.deps import LocaleDep, PageAdministrator
from api.pages.parts import Address, pager
from api.pages.people_views import PersonForm, PersonView
from api.problems import field_errors
from api.rendering import done, locale_of, render
from common.db.models import User
from common.domain.permissions import ROLES
from common.errors import DomainError
from common.i18n import localized
from common.queries import users as queries
from common.queries.users import UserQuery
from common.services import apikeys, people, users
from common.services.users import UserInput, UserPatch

_SIZE = 50
router = APIRouter(prefix=views.URL, include_in_schema=False)
UserId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=FOR_ADMINISTRATORS)
async def list_users(
    request: Request,
    user: PageAdministrator,
    session: ReadDep,
    locale: LocaleDep,
    q: str = "",
    role: str = "",
    active: str = "",
    page: str = "1",
) -> Response:
    """Users by name."""
    number = max(1, int(page)) if page.isdecimal() and 0 < len(page) < 7 else 1
    search, role = q.replace("\x00", "")[:200], role if role in ROLES else ""
    query = UserQuery(search, role, False if active == "0" else None, number, _SIZE)
    rows, total = await queries.page(session, query)
    address = Address(views.URL, {"q": search, "role": role, "active": active if active == "0" else ""})
    return render(
        request,
        "users/list.html",
        rows=[views.person_row(row, locale) for row in rows],
        chips=views.chips(address, role, active, locale),
        pager=pager(address, locale, page=number, size=_SIZE, shown=len(rows), total=total),
        search=search,
        role=role,
    )


@router.get("/create", openapi_extra=FOR_ADMINISTRATORS)
async def new_user(request: Request, user: PageAdministrator) -> Response:
    """An empty form."""
    return _form(request, PersonForm(), {})


@router.post("/create", openapi_extra=FOR_ADMINISTRATORS)
async def create_user(request: Request, user: PageAdministrator, database: DatabaseDep, clock: ClockDep) -> Response:
    """Store what the form says; without a password, show the link with which one is chosen."""
    form, locale = await _read(request), locale_of(request)
    try:
        made, token = await people.create(database, clock, UserInput.model_validate(form.values(new=True)))
    except (ValidationError, DomainError) as error:
        return _form(request, form, _wrong(error, locale))
    if token is None:
        return done(request, locale.gettext("%(name)s is created.", name=made.username), views.URL)
    return show_invitation(request, made, token, locale.gettext("%(name)s is created.", name=made.username))


@router.get("/{user_id}", openapi_extra=FOR_ADMINISTRATORS)
async def edit_user(
    request: Request, user_id: UserId, user: PageAdministrator, session: ReadDep, locale: LocaleDep
) -> Response:
    """The form of a user, and what they sign in with."""
    stored = await users.get(session, user_id)
    keys = await apikeys.of_user(session, user_id)
    view = views.person_view(stored, keys, locale, own=user_id == user.user_id)
    return _form(request, views.form_of(stored), {}, name=stored.username, view=view)


@router.post("/{user_id}/update", openapi_extra=FOR_ADMINISTRATORS)
async def update_user(
    request: Request, user_id: UserId, user: PageAdministrator, database: DatabaseDep, clock: ClockDep
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    form, locale = await _read(request), locale_of(request)
    try:
        await people.change(database, clock, user_id, UserPatch.model_validate(form.values(new=False)))
    except (ValidationError, DomainError) as error:
        async with database.read() as session:
            stored = await users.get(session, user_id)
            keys = await apikeys.of_user(session, user_id)
        view = views.person_view(stored, keys, locale, own=user_id == user.user_id)
        return _form(request, form, _wrong(error, locale), name=stored.username, view=view)
    return done(request, locale.gettext("Saved."), f"{views.URL}/{user_id}")


async def _read(request: Request) -> PersonForm:
    """The form as it was sent; a box that is not ticked is not sent."""
    sent = {key: value[:4096] for key, value in (await request.form()).items() if isinstance(value, str)}
    texts = {name: sent.get(name, "") for name in ("username", "display_name", "email", "role", "password")}
    return PersonForm(**texts, may_create_code="may_create_code" in sent)


def _wrong(error: ValidationError | DomainError, locale: Locale) -> dict[str, str]:
    if isinstance(error, DomainError):
        return {error.field or "": localized(error, locale.lang)}
    return {item["field"]: item["message"] for item in field_errors(error.errors(include_url=False), locale.lang)}


def show_invitation(request: Request, user: User, token: str, heading: str) -> Response:
    """The page with a one-time link, which nobody can see again."""
    link, to = invitation_url(request, token), f"{views.URL}/{user.id}"
    return render(request, "users/invitation.html", heading=heading, username=user.username, link=link, to=to)


def _form(
    request: Request, form: PersonForm, wrong: dict[str, str], *, name: str = "", view: PersonView | None = None
) -> Response:
    """The form with what was typed; errors beside their fields, and then the answer is 422."""
    locale = locale_of(request)
    return render(
        request,
        "users/form.html",
        block="live",
        status=422 if wrong else 200,
        form=form,
        errors=wrong,
        view=view,
        roles=account_views.role_choices(locale),
        heading=name or locale.gettext("New user"),
        action=f"{view.url}/update" if view else f"{views.URL}/create",
    )
