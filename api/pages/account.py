"""Pages of one's own account: profile, password, sign-ins."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from pydantic import ValidationError

from api.deps import ClockDep, DatabaseDep, ReadDep, WriteDep
from api.pages import account_views as views
from api.pages.deps import LocaleDep, PagePerson, PageUser, WriteLocaleDep
from api.problems import field_errors
from api.rendering import LANG_COOKIE, done, locale_of, remember, render
from common.errors import DomainError, Invalid, NotFound
from common.i18n import LANGUAGES, localized
from common.services import account, audit, signin, users
from common.services.account import ProfilePatch

router = APIRouter(prefix=views.URL, include_in_schema=False)
#: What somebody may do who must first change their password.
own = APIRouter(prefix=views.URL, include_in_schema=False)
Text = Annotated[str, Form(max_length=4096)]
SessionId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get("")
async def profile_page(request: Request, user: PageUser, session: ReadDep, locale: LocaleDep) -> Response:
    """Name and language."""
    stored = await users.get(session, user.user_id)
    form = {"display_name": stored.display_name, "language": stored.language}
    return _profile(request, user, locale, stored, form, {})


@router.post("")
async def save_profile(
    request: Request,
    user: PageUser,
    session: WriteDep,
    locale: WriteLocaleDep,
    display_name: Text = "",
    language: Text = "",
) -> Response:
    """Store name and language; the language counts at once."""
    form = {"display_name": display_name, "language": language}
    try:
        patch = ProfilePatch.model_validate(form)
    except ValidationError as error:
        wrong = {item["field"]: item["message"] for item in field_errors(error.errors(include_url=False), locale.lang)}
        return _profile(request, user, locale, await users.get(session, user.user_id), form, wrong)
    await account.update_profile(session, user.user_id, patch, now=locale.now)
    response = done(request, locale.gettext("Saved."), views.URL, leave=True)
    if language in LANGUAGES:
        remember(request, response, LANG_COOKIE, language)
    return response


def _profile(
    request: Request, user: PageUser, locale: LocaleDep, stored: Any, form: dict[str, str], wrong: dict[str, str]
) -> Response:
    return render(
        request,
        "account/profile.html",
        status=422 if wrong else 200,
        form=form,
        errors=wrong,
        language_choices=[("", locale.gettext("As the browser asks for")), *LANGUAGES.items()],
        email=stored.email,
        since=locale.full_date(stored.created_at),
        **views.frame(user, locale, "profile"),
    )


@own.get("/password")
async def password_page(request: Request, user: PagePerson, session: ReadDep) -> Response:
    """The form for another password."""
    stored = await users.get(session, user.user_id)
    return _password(request, user, {}, has_password=bool(stored.password_hash))


@own.post("/password")
async def change_password(
    request: Request,
    user: PagePerson,
    database: DatabaseDep,
    clock: ClockDep,
    current_password: Text = "",
    new_password: Text = "",
    repeat: Text = "",
) -> Response:
    """Change the password; every other sign-in ends."""
    locale = locale_of(request)
    try:
        if new_password != repeat:
            raise Invalid("The two passwords differ.", field="repeat")
        await account.change_password(
            database, clock, user.user_id, current_password, new_password, session_id=user.session_id
        )
    except DomainError as error:
        wrong = {error.field or "current_password": localized(error, locale.lang)}
        return _password(request, user, wrong, has_password=True)
    return done(request, locale.gettext("Your password is changed."), views.URL, leave=True)


def _password(request: Request, user: PagePerson, wrong: dict[str, str], *, has_password: bool) -> Response:
    return render(
        request,
        "account/password.html",
        status=422 if wrong else 200,
        errors=wrong,
        has_password=has_password,
        **views.frame(user, locale_of(request), "password"),
    )


@router.get("/sessions")
async def sessions_page(request: Request, user: PageUser, session: ReadDep, locale: LocaleDep) -> Response:
    """Where one is signed in."""
    rows = await signin.sessions_of(session, user.user_id, now=locale.now)
    shown = [views.session_row(row, locale, current=user.session_id) for row in rows]
    frame = views.frame(user, locale, "sessions")
    return render(request, "account/sessions.html", block="live", rows=shown, **frame)


@router.post("/sessions/{session_id}/end")
async def end_session(
    request: Request, session_id: SessionId, user: PageUser, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """End one of one's sign-ins."""
    if not await signin.end_one(session, user.user_id, session_id):
        raise NotFound("There is no such sign-in.")
    await audit.record(session, "signout", now=locale.now)
    return done(request, locale.gettext("Signed out there."), f"{views.URL}/sessions")


@router.post("/sessions/end-others")
async def end_other_sessions(request: Request, user: PageUser, session: WriteDep, locale: WriteLocaleDep) -> Response:
    """End all of one's sign-ins but this one."""
    ended = await signin.end_all(session, user.user_id, but=user.session_id)
    await audit.record(session, "signout", now=locale.now, details={"others": ended})
    told = locale.ngettext("Signed out in %(n)s other place.", "Signed out in %(n)s other places.", ended)
    return done(request, told, f"{views.URL}/sessions")
