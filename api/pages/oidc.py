"""Signing in with an OpenID Connect provider: there, back again, and out.

Plain links lead to the provider and no form, since the content security policy lets forms lead to ourselves only.
"""

import re
from datetime import timedelta
from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api import signing_in
from api.access import address_of
from api.pages.session import entry_page, refused_page, signed_in
from api.rendering import local_path
from common.db.models import User
from common.db.session import WriteSession
from common.domain.identity import Identity
from common.domain.permissions import NOBODY, Actor
from common.errors import DomainError, Forbidden, NotAuthenticated, NotFound
from common.i18n import N_
from common.security import tokens
from common.security.oidc import Pending, Provider, not_proven
from common.services import identities, signin, throttle

public = APIRouter(prefix="/ui/login/oidc", include_in_schema=False)

_PATIENCE = timedelta(minutes=10)
_ERROR = re.compile(r"[a-z_]{1,60}")
Text = Annotated[str, Query(max_length=4096)]


async def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.oidc
    if found is None:
        raise NotFound(N_("There is nothing at this address."))
    return found


ProviderDep = Annotated[Provider, Depends(_provider)]


@public.get("")
async def leave(request: Request, provider: ProviderDep, next: Text = "") -> Response:
    """Send the browser to the provider, with a cookie by which it is known again when it comes back."""
    state = tokens.opaque()
    key = signing_in.state_of(request).key
    try:
        url = await provider.authorization_url(Pending.of(key, state))
    except DomainError as error:
        return refused_page(request, error, "login.html", next=local_path(next), username="")
    response = RedirectResponse(url, status_code=303)
    now = signing_in.state_of(request).clock.local()
    data = {"next": local_path(next)[:2000]}
    token = tokens.issue(key, user_id=0, session_id=state, kind="oidc", now=now, lifetime=_PATIENCE, data=data)
    signing_in.set_cookie(request, response, _cookie(request), token, _PATIENCE)
    return response


@public.get("/callback")
async def come_back(
    request: Request, provider: ProviderDep, state: Text = "", code: Text = "", error: Text = "", iss: Text = ""
) -> Response:
    """Take what the provider says about the person, and sign them in; a second factor of Rota's own still counts."""
    cookie = request.cookies.get(_cookie(request), "")
    pending = tokens.read(request.app.state.signing_key, cookie, kind="oidc")
    to = str(pending.data.get("next", "")) if pending else ""
    try:
        if pending is None or not compare_digest(pending.session_id.encode(), state.encode()):
            raise NotAuthenticated(N_("That took too long, or did not begin in this browser. Sign in again."))
        entry = await _proven(request, provider, state, code, error, iss or None)
    except DomainError as problem:
        response = refused_page(request, problem, "login.html", next=local_path(to), username="")
    else:
        response = _welcome(request, entry, to)
    response.delete_cookie(_cookie(request), path="/", httponly=True, secure=request.url.scheme == "https")
    return response


@public.get("/out")
async def out(request: Request, provider: ProviderDep) -> Response:
    """Signed out of Rota; a link leads to where one signs out of the provider."""
    url = await provider.sign_out_url()
    return entry_page(request, "login.html", "", next=local_path(""), username="", error=None, sign_out_url=url)


async def _proven(
    request: Request, provider: Provider, state: str, code: str, error: str, issuer: str | None
) -> signin.SignIn | str:
    """The sign-in, or the ticket for its second step; raises NotAuthenticated, Forbidden, TooManyRequests."""
    app = signing_in.state_of(request)
    limits = [signing_in.address_limit(request)]
    await throttle.take(app.database, app.clock, limits)
    try:
        if error or not code:
            raise _said(error)
        identity = await provider.identity(Pending.of(app.key, state), code=code, issuer=issuer)
        user = await _account(request, provider, identity)
    except (NotAuthenticated, Forbidden) as problem:
        await signing_in.refused(request, {"method": "oidc", "reason": str(problem)})
        raise
    return await signing_in.second_step(request, user, "oidc", good=limits)


async def _account(request: Request, provider: Provider, identity: Identity) -> User:
    app = signing_in.state_of(request)
    actor = Actor(None, identity.issuer, NOBODY.role, "page", address_of(request))

    async def work(session: WriteSession) -> User:
        now = await app.clock.now(session)
        return await identities.account_of(session, identity, provider.admission, now=now)

    return await app.database.on_behalf_of(actor).transact(work)


def _said(error: str) -> NotAuthenticated:
    """What the provider refused; of what it says only the code is shown, since anybody can make up such an address."""
    if _ERROR.fullmatch(error):
        return NotAuthenticated(N_("The sign-in service said no: {error}."), error=error)
    return not_proven()


def _welcome(request: Request, entry: signin.SignIn | str, to: str) -> Response:
    if isinstance(entry, str):
        return entry_page(request, "code.html", "", next=local_path(to), ticket=entry, error=None)
    return signed_in(request, entry, to)


def _cookie(request: Request) -> str:
    return "__Host-rota_oidc" if request.url.scheme == "https" else "rota_oidc"
