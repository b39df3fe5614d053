"""Signing in and out, and the one-time set-up."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth
from api.deps import ReadDep, WriteDep
from api.pages.deps import PageUser
from api.rendering import LANG_COOKIE, local_path, locale_of, remember, render
from common.db.session import Database
from common.errors import DomainError, NotAuthenticated, NotFound, TooManyRequests
from common.i18n import LANGUAGES, N_, localized
from common.services import setup, signin

public = APIRouter(prefix="/ui", include_in_schema=False)
router = APIRouter(prefix="/ui", include_in_schema=False)

Text = Annotated[str, Form(max_length=4096)]


@public.get("/login")
async def login_page(request: Request, next: str = "", lang: str = "") -> Response:
    """The form to sign in; `lang` chooses the language before anybody is known."""
    return _entry(request, "login.html", lang, next=local_path(next), username="", error=None)


@public.post("/login")
async def login(request: Request, username: Text = "", password: Text = "", next: Text = "") -> Response:
    """Check name and password, and give the browser its session."""
    auth.check_origin(request)
    try:
        entry = await auth.sign_in(request, username, password)
    except (NotAuthenticated, TooManyRequests) as error:
        text = localized(error, locale_of(request).lang)
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequests) else {}
        return _entry(
            request, "login.html", "", error.status, headers, next=local_path(next), username=username[:64], error=text
        )
    response = RedirectResponse(local_path(next), status_code=303)
    auth.set_cookie(request, response, entry)
    return response


@router.post("/logout")
async def logout(request: Request, user: PageUser, session: WriteDep) -> Response:
    """End the sign-in on the server, and take the cookie away."""
    await signin.end(session, user.session_id)
    response = RedirectResponse("/ui/login", status_code=303)
    auth.clear_cookie(request, response)
    return response


@public.get("/setup")
async def setup_page(request: Request, session: ReadDep, token: str = "", lang: str = "") -> Response:
    """The form for the first administrator, as long as the link works."""
    if not await setup.is_open(session, token[:200]):
        raise NotFound(N_("This set-up link has been used or replaced."))
    return _entry(request, "setup.html", lang, token=token[:200], username="admin", errors={})


@public.post("/setup")
async def set_up(
    request: Request, token: Text = "", username: Text = "", password: Text = "", repeat: Text = ""
) -> Response:
    """Create the administrator, close the link for ever, and sign them in."""
    auth.check_origin(request)
    locale = locale_of(request)
    if password != repeat:
        wrong = {"repeat": locale.gettext("The two passwords differ.")}
        return _entry(request, "setup.html", "", 422, token=token, username=username, errors=wrong)
    database: Database = request.app.state.database
    try:
        async with database.write() as session:
            now = await request.app.state.clock.now(session)
            user = await setup.complete(session, token, username, password, now=now)
    except NotFound:
        raise
    except DomainError as error:
        wrong = {error.field or "": localized(error, locale.lang)}
        return _entry(request, "setup.html", "", 422, token=token, username=username, errors=wrong)
    response = RedirectResponse("/ui/tasks", status_code=303)
    auth.set_cookie(request, response, await auth.start_session(request, user))
    return response


def _entry(
    request: Request, name: str, lang: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """A page for somebody who is not signed in; the language chosen there is remembered."""
    keep = [f"&{key}={request.query_params[key]}" for key in ("next", "token") if key in request.query_params]
    if lang in LANGUAGES:
        request.cookies[LANG_COOKIE] = lang
    response = render(request, name, status=status, headers=headers, keep="".join(keep), **values)
    if lang in LANGUAGES:
        remember(request, response, LANG_COOKIE, lang)
    return response
