"""Who asks: a bearer token or a key (API), or the session cookie (pages), which needs a CSRF token to change things."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.utils import get_authorization_scheme_param

from api.declared import SAFE as _SAFE
from api.declared import scope_of
from common.clock import Clock
from common.config import Settings
from common.db.session import Database
from common.domain.permissions import may_change
from common.errors import ActionRequired, Forbidden, NotAuthenticated
from common.i18n import N_
from common.security import tokens
from common.services import apikeys, signin

CSRF_FIELD = "_csrf"
CSRF_HEADER = "x-csrf-token"
KEY_HEADER = "x-api-key"

#: Only documents how to sign in, for the Authorize button in /docs; `principal_of` does the work.
oauth2 = OAuth2PasswordBearer(tokenUrl="auth/login", auto_error=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """The person who asks, and the sign-in or the key they ask with."""

    user_id: int
    username: str
    role: str
    #: Empty for a key.
    session_id: str
    #: True when a browser's cookie said so, which another site's page can make a browser send.
    by_cookie: bool
    #: What must be done before anything else: "password" to change it, "totp" to set up the second factor.
    duty: str = ""
    key_id: int | None = None
    #: What a key may be used for; sign-ins have no such limits.
    scopes: frozenset[str] = frozenset()
    #: How they signed in; empty for a key.
    method: str = ""


class LoginRequired(Exception):
    """A page needs somebody signed in; the answer is a redirect to the login page."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def cookie_name(request: Request) -> str:
    """The session cookie's name: under https the `__Host-` form, which no other host can set."""
    return "__Host-rota_session" if request.url.scheme == "https" else "rota_session"


async def principal_of(request: Request) -> Principal | None:
    """The person whose token, key or cookie came with the request; None without a valid one."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    key = request.headers.get(KEY_HEADER, "")
    if (token and scheme.lower() != "bearer") or (token and key):
        return None
    if key or token.startswith(apikeys.PREFIX):
        return await _by_key(request, key or token)
    return await _by_token(request, token or request.cookies.get(cookie_name(request), ""), by_cookie=not token)


async def _by_token(request: Request, token: str, *, by_cookie: bool) -> Principal | None:
    claims = (
        tokens.read(request.app.state.signing_key, token, kind="page" if by_cookie else "access") if token else None
    )
    if claims is None:
        return None
    database, clock = _database(request)
    async with database.read() as session:
        now = await clock.now(session)
        found = await signin.active(session, claims, now=now)
    if found is None or found.user.id is None:
        return None
    if found.unseen:
        async with database.write() as session:
            await signin.seen(session, claims.session_id, now=now)
    user, settings = found.user, request.app.state.settings
    duty = _duty(found, settings)
    return Principal(found.user.id, user.username, user.role, claims.session_id, by_cookie, duty, method=found.method)


async def _by_key(request: Request, text: str) -> Principal | None:
    database, clock = _database(request)
    async with database.read() as session:
        now: datetime = await clock.now(session)
        found = await apikeys.find(session, text, now=now)
    if found is None or found.user.id is None:
        return None
    if found.unseen:
        async with database.write() as session:
            await apikeys.used(session, found.key_id, now=now)
    user = found.user
    return Principal(found.user.id, user.username, user.role, "", False, "", found.key_id, found.scopes)


def _database(request: Request) -> tuple[Database, Clock]:
    return request.app.state.database, request.app.state.clock


def _duty(found: signin.Active, settings: Settings) -> str:
    """What somebody owes before anything else. Whoever came by the provider has no password to see to."""
    if found.method == "oidc":
        return ""
    if found.user.must_change_password:
        return "password"
    return "totp" if found.user.role in settings.totp_required and not found.user.totp_secret else ""


async def require_user(request: Request) -> Principal:
    """The person who asks; raises NotAuthenticated, Forbidden (CSRF, scope of a key). Every private route has it."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    principal = await principal_of(request)
    if principal is None:
        raise NotAuthenticated(N_("Sign in first: send a token from POST /auth/login as Authorization: Bearer."))
    if principal.by_cookie and request.method not in _SAFE:
        await check_csrf(request, principal.session_id)
    request.state.principal = principal
    if principal.key_id is not None:
        _check_scope(request, principal)
    return principal


def _check_scope(request: Request, principal: Principal) -> None:
    """Refuse what a key is not for."""
    scope = scope_of(getattr(request.scope.get("route"), "openapi_extra", None) or {}, request.method)
    if scope not in principal.scopes:
        raise Forbidden(N_("This key is not for that: it needs the scope {scope}."), scope=scope)


async def require_person(request: Request) -> Principal:
    """The person who asks, themselves: a key changes no password and makes no keys. Raises Forbidden."""
    principal = await require_user(request)
    if principal.key_id is not None:
        raise Forbidden(N_("Sign in for this: a key is not enough."))
    return principal


async def require_settled(request: Request) -> Principal:
    """Somebody who owes nothing; raises ActionRequired for a password to change or a second factor to set up."""
    principal = await require_user(request)
    if principal.duty == "password":
        raise ActionRequired(N_("Change your password first: POST /auth/password."))
    if principal.duty == "totp":
        raise ActionRequired(N_("Set up your second factor first: POST /auth/totp."))
    return principal


async def require_right(request: Request) -> Principal:
    """The person who asks, if they may do what they ask for: viewers look, others change. Raises Forbidden."""
    principal = await require_settled(request)
    if request.method not in _SAFE and not may_change(principal.role):
        raise Forbidden(N_("Your account may look, not change."))
    return principal


async def require_page_person(request: Request) -> Principal:
    """The person who looks at a page; raises LoginRequired, which becomes a redirect to the login page.

    For the few pages that somebody needs who must first change their password; the others take `require_page_user`.
    """
    try:
        return await require_person(request)
    except NotAuthenticated:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        suffix = f"?next={quote(target, safe='/')}" if request.method in _SAFE else ""
        raise LoginRequired(f"/ui/login{suffix}") from None


async def require_page_user(request: Request) -> Principal:
    """The person who looks at a page and owes nothing; raises LoginRequired with the page to go to first."""
    principal = await require_page_person(request)
    if principal.duty:
        raise LoginRequired(f"/ui/account/{principal.duty}")
    return principal


def csrf_token(request: Request) -> str:
    """The token that forms of this sign-in carry; of the login page, where there is none yet, the empty string."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        return ""
    known: str | None = getattr(request.state, "csrf_token", None)
    if known is None:
        # Another with every answer: pages are compressed, and what stays the same beside what somebody typed can be
        # guessed letter by letter from their sizes (BREACH).
        salt = secrets.token_hex(_SALT // 2)
        known = request.state.csrf_token = salt + _csrf_of(request.app.state.signing_key, principal.session_id, salt)
    return known


_SALT = 16


def _csrf_of(key: str, session_id: str, salt: str) -> str:
    return hmac.new(key.encode(), f"csrf:{session_id}:{salt}".encode(), hashlib.sha256).hexdigest()


async def check_csrf(request: Request, session_id: str) -> None:
    """Refuse an unsafe request that another site may have sent: wrong origin, or no token of this sign-in."""
    check_origin(request)
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else None
    given = given or ""
    salt, mac = given[:_SALT], given[_SALT:]
    expected = _csrf_of(request.app.state.signing_key, session_id, salt)
    if len(salt) != _SALT or not hmac.compare_digest(mac.encode(), expected.encode()):
        raise Forbidden(N_("This page is out of date. Load it again and repeat what you did."))


def check_origin(request: Request) -> None:
    """Refuse an unsafe request that a browser says comes from another site."""
    origin = request.headers.get("origin")
    # "null" is what a sandboxed frame of any site says: with it a stranger's form could sign somebody in.
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden(N_("This request comes from another site."))
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden(N_("This request comes from another site."))
