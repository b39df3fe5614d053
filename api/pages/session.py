"""Signing in and out, the one-time set-up, and invitations."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth, signing_in
from api.deps import ReadDep, ReadNow, WriteDep, WriteNow
from api.pages.deps import PagePerson
from api.rendering import LANG_COOKIE, local_path, locale_of, remember, render
from common.errors import DomainError, Invalid, NotAuthenticated, NotFound, TooManyRequests
from common.i18n import LANGUAGES, N_, localized
from common.security.oidc import Provider
from common.services import audit, people, setup, signin, users

public = APIRouter(prefix="/ui", include_in_schema=False)
#: What somebody may do who must first change their password.
own = APIRouter(prefix="/ui", include_in_schema=False)

Text = Annotated[str, Form(max_length=4096)]


@public.get("/login")
async def login_page(request: Request, next: str = "", lang: str = "") -> Response:
    """The form to sign in; `lang` chooses the language before anybody is known."""
    return entry_page(request, "login.html", lang, next=local_path(next), username="", error=None)


@public.post("/login")
async def login(request: Request, username: Text = "", password: Text = "", next: Text = "") -> Response:
    """Check name and password, and give the browser its session, or the form for the code."""
    auth.check_origin(request)
    try:
        entry = await signing_in.password_step(request, username, password)
    except DomainError as error:
        return refused_page(request, error, "login.html", next=local_path(next), username=username[:64])
    if isinstance(entry, str):
        return entry_page(request, "code.html", "", next=local_path(next), ticket=entry, error=None)
    return signed_in(request, entry, next)


@public.post("/login/code")
async def login_code(request: Request, ticket: Text = "", code: Text = "", next: Text = "") -> Response:
    """Check the code of the second factor, and give the browser its session."""
    auth.check_origin(request)
    try:
        entry = await signing_in.code_step(request, ticket, code)
    except DomainError as error:
        return refused_page(request, error, "code.html", next=local_path(next), ticket=ticket)
    if entry is None:
        late = NotAuthenticated(N_("That took too long. Sign in again."))
        return refused_page(request, late, "login.html", next=local_path(next), username="")
    return signed_in(request, entry, next)


@own.post("/logout")
async def logout(request: Request, user: PagePerson, session: WriteDep, now: WriteNow) -> Response:
    """End the sign-in on the server, and take the cookie away. Where it came from a provider, that may be left too."""
    await signin.end(session, user.session_id)
    await audit.record(session, "signout", now=now)
    to = "/ui/login/oidc/out" if user.method == "oidc" else "/ui/login"
    response = RedirectResponse(to, status_code=303)
    signing_in.clear_cookie(request, response)
    return response


@public.get("/setup")
async def setup_page(request: Request, session: ReadDep, token: str = "", lang: str = "") -> Response:
    """The form for the first administrator, as long as the link works."""
    if not await setup.is_open(session, token[:200]):
        raise NotFound(N_("This set-up link has been used or replaced."))
    return entry_page(request, "setup.html", lang, token=token[:200], username="admin", errors={})


@public.post("/setup")
async def set_up(
    request: Request, token: Text = "", username: Text = "", password: Text = "", repeat: Text = ""
) -> Response:
    """Create the administrator, close the link for ever, and sign them in."""
    auth.check_origin(request)
    locale, state = locale_of(request), signing_in.state_of(request)
    try:
        _same(password, repeat)
        user = await setup.run(state.database, state.clock, token[:200], username, password)
    except NotFound:
        raise
    except DomainError as error:
        wrong = {error.field or "": localized(error, locale.lang)}
        return entry_page(request, "setup.html", "", 422, token=token, username=username, errors=wrong)
    return signed_in(request, await signing_in.start(request, user, "setup", good=[]), "")


@public.get("/invitation")
async def invitation_page(
    request: Request, session: ReadDep, now: ReadNow, token: str = "", lang: str = ""
) -> Response:
    """The form on which an invited person chooses a password, as long as the link works."""
    user = await users.invited(session, token[:200], now=now)
    return entry_page(request, "invitation.html", lang, token=token[:200], username=user.username, errors={})


@public.post("/invitation")
async def accept_invitation(request: Request, token: Text = "", password: Text = "", repeat: Text = "") -> Response:
    """Take the password, and sign the person in; whoever has a second factor still needs its code."""
    auth.check_origin(request)
    state = signing_in.state_of(request)
    async with state.database.read() as session:
        username = (await users.invited(session, token[:200], now=await state.clock.now(session))).username
    try:
        _same(password, repeat)
        user = await people.accept(state.database, state.clock, token[:200], password)
    except NotFound:
        raise
    except DomainError as error:
        wrong = {error.field or "": localized(error, locale_of(request).lang)}
        return entry_page(request, "invitation.html", "", 422, token=token[:200], username=username, errors=wrong)
    if user.totp_secret:
        ticket = signing_in.ticket_for(request, user)
        return entry_page(request, "code.html", "", next=local_path(""), ticket=ticket, error=None)
    return signed_in(request, await signing_in.start(request, user, "invitation", good=[]), "")


def _same(password: str, repeat: str) -> None:
    if password != repeat:
        raise Invalid("The two passwords differ.", field="repeat")


def signed_in(request: Request, entry: signin.SignIn, to: str) -> Response:
    """To the page that was wanted, with the cookies, in the language of the person's profile."""
    response = RedirectResponse(local_path(to), status_code=303)
    signing_in.set_cookies(request, response, entry)
    if entry.user.language in LANGUAGES:
        remember(request, response, LANG_COOKIE, entry.user.language)
    return response


def refused_page(request: Request, error: DomainError, page: str, **values: Any) -> Response:
    """The form again, saying why not."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequests) else {}
    return entry_page(
        request, page, "", error.status, headers, error=localized(error, locale_of(request).lang), **values
    )


def entry_page(
    request: Request, name: str, lang: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """A page for somebody who is not signed in; the language chosen there is remembered."""
    keep = [f"&{key}={request.query_params[key]}" for key in ("next", "token") if key in request.query_params]
    if lang in LANGUAGES:
        request.cookies[LANG_COOKIE] = lang
    provider: Provider | None = request.app.state.oidc
    values = {"provider": provider, "sign_out_url": None, **values}
    response = render(request, name, status=status, headers=headers, keep="".join(keep), **values)
    if lang in LANGUAGES:
        remember(request, response, LANG_COOKIE, lang)
    return response
