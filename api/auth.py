"""Who asks: a bearer token (API) or the session cookie (pages). Cookies need a CSRF token for unsafe requests."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.utils import get_authorization_scheme_param

from common.clock import Clock
from common.config import Settings
from common.db.models import User
from common.db.session import Database
from common.domain.permissions import may_change
from common.errors import Forbidden, NotAuthenticated
from common.i18n import N_
from common.security import tokens
from common.services import signin

CSRF_FIELD = "_csrf"
CSRF_HEADER = "x-csrf-token"
_SAFE = {"GET", "HEAD", "OPTIONS"}

#: Only documents how to sign in, for the Authorize button in /docs; `principal_of` does the work.
oauth2 = OAuth2PasswordBearer(tokenUrl="auth/login", auto_error=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """The person who asks, and the sign-in they ask with."""

    user_id: int
    username: str
    role: str
    session_id: str
    #: True when a browser's cookie said so, which another site's page can make a browser send.
    by_cookie: bool


class LoginRequired(Exception):
    """A page needs somebody signed in; the answer is a redirect to the login page."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def cookie_name(request: Request) -> str:
    """The session cookie's name: under https the `__Host-` form, which no other host can set."""
    return "__Host-rota_session" if request.url.scheme == "https" else "rota_session"


async def principal_of(request: Request) -> Principal | None:
    """The person whose token or cookie came with the request; None without a valid one."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    by_cookie = not token
    if by_cookie:
        token = request.cookies.get(cookie_name(request), "")
    elif scheme.lower() != "bearer":
        return None
    if not token:
        return None
    state = request.app.state
    claims = tokens.read(state.signing_key, token, kind="page" if by_cookie else "access")
    if claims is None:
        return None
    database: Database = state.database
    clock: Clock = state.clock
    async with database.read() as session:
        user = await signin.user_of(session, claims, now=await clock.now(session))
    if user is None or user.id is None:
        return None
    return Principal(user.id, user.username, user.role, claims.session_id, by_cookie)


async def require_user(request: Request) -> Principal:
    """The person who asks; raises NotAuthenticated, Forbidden (CSRF). The one dependency of every private route."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    principal = await principal_of(request)
    if principal is None:
        raise NotAuthenticated(N_("Sign in first: send a token from POST /auth/login as Authorization: Bearer."))
    if principal.by_cookie and request.method not in _SAFE:
        await check_csrf(request, principal.session_id)
    request.state.principal = principal
    return principal


async def require_right(request: Request) -> Principal:
    """The person who asks, if they may do what they ask for: viewers look, others change. Raises Forbidden."""
    principal = await require_user(request)
    if request.method not in _SAFE and not may_change(principal.role):
        raise Forbidden(N_("Your account may look, not change."))
    return principal


async def require_page_user(request: Request) -> Principal:
    """The person who looks at a page; raises LoginRequired, which becomes a redirect to the login page."""
    try:
        return await require_user(request)
    except NotAuthenticated:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        suffix = f"?next={quote(target, safe='/')}" if request.method in _SAFE else ""
        raise LoginRequired(f"/ui/login{suffix}") from None


def csrf_token(request: Request) -> str:
    """The token that forms of this sign-in carry; of the login page, where there is none yet, the empty string."""
    principal: Principal | None = getattr(request.state, "principal", None)
    return _csrf_of(request.app.state.signing_key, principal.session_id) if principal else ""


def _csrf_of(key: str, session_id: str) -> str:
    return hmac.new(key.encode(), f"csrf:{session_id}".encode(), hashlib.sha256).hexdigest()


async def check_csrf(request: Request, session_id: str) -> None:
    """Refuse an unsafe request that another site may have sent: wrong origin, or no token of this sign-in."""
    check_origin(request)
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else None
    expected = _csrf_of(request.app.state.signing_key, session_id)
    if given is None or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Forbidden(N_("This page is out of date. Load it again and repeat what you did."))


def check_origin(request: Request) -> None:
    """Refuse an unsafe request that a browser says comes from another site."""
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(str(origin)).netloc != request.headers.get("host"):
        raise Forbidden(N_("This request comes from another site."))
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden(N_("This request comes from another site."))


async def sign_in(request: Request, username: str, password: str) -> signin.SignIn:
    """Check the password and start a sign-in; raises NotAuthenticated. Two transactions: hashing takes 30 ms."""
    state = request.app.state
    database: Database = state.database
    async with database.read() as session:
        user = await signin.authenticate(session, username, password)
    return await start_session(request, user)


async def start_session(request: Request, user: User) -> signin.SignIn:
    """Start a sign-in for somebody whose identity is proven."""
    database: Database = request.app.state.database
    clock: Clock = request.app.state.clock
    settings: Settings = request.app.state.settings
    async with database.write() as session:
        return await signin.start(
            session,
            user,
            lifetime=timedelta(days=settings.session_days),
            now=await clock.now(session),
            user_agent=request.headers.get("user-agent", ""),
        )


def issue_token(request: Request, entry: signin.SignIn, kind: tokens.Kind, lifetime: timedelta) -> str:
    """A token of this sign-in that is good for `lifetime`: "access" for programs, "page" for the cookie."""
    clock: Clock = request.app.state.clock
    assert entry.user.id is not None
    return tokens.issue(
        request.app.state.signing_key,
        user_id=entry.user.id,
        session_id=entry.session_id,
        kind=kind,
        now=clock.local(),
        lifetime=lifetime,
    )


def set_cookie(request: Request, response: Response, entry: signin.SignIn) -> None:
    """Give the browser its session cookie."""
    settings: Settings = request.app.state.settings
    lifetime = timedelta(days=settings.session_days)
    response.set_cookie(
        cookie_name(request),
        issue_token(request, entry, "page", lifetime),
        max_age=int(lifetime.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def clear_cookie(request: Request, response: Response) -> None:
    """Take the session cookie away."""
    response.delete_cookie(cookie_name(request), path="/", httponly=True, secure=request.url.scheme == "https")
