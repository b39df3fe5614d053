"""Signing somebody in, the same for API and pages: throttled, by password and second factor, written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response

from api import auth
from api.access import address_of
from common.clock import Clock
from common.config import Settings
from common.db.models import User
from common.db.session import Database, WriteSession
from common.domain.audit import REFUSED
from common.domain.permissions import NOBODY, Actor
from common.errors import NotAuthenticated, SecondFactorRequired
from common.i18n import N_
from common.security import tokens
from common.security.encryption import Keyring
from common.services import audit, second_factor, signin, throttle, users
from common.services.audit import NOTHING
from common.services.throttle import Limit

_DEVICE_LIFE = timedelta(days=365)
_TICKET_LIFE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class State:
    """What signing in needs of the application."""

    database: Database
    clock: Clock
    settings: Settings
    key: str
    keyring: Keyring


def state_of(request: Request) -> State:
    """The application's state; its sessions speak for nobody, since nobody is signed in."""
    state = request.app.state
    return State(state.database, state.clock, state.settings, state.signing_key, state.keyring)


def actor_for(request: Request, user: User) -> Actor:
    """Somebody who has just proven who they are, as the audit log names them."""
    via = "page" if request.url.path.startswith("/ui") else "api"
    return Actor(user.id, user.username, user.role, via, address_of(request))


async def by_password(request: Request, username: str, password: str, code: str = "") -> signin.SignIn:
    """Sign in; raises NotAuthenticated, TooManyRequests, Forbidden, and SecondFactorRequired when `code` is missing."""
    user, limits = await _password_proven(request, username, password)
    if not user.totp_secret:
        return await start(request, user, "password", good=limits)
    await _give_back(request, limits)
    if not code:
        raise SecondFactorRequired(N_("Send the code of your authenticator app as totp, too."))
    return await by_code(request, user, code)


async def password_step(request: Request, username: str, password: str) -> signin.SignIn | str:
    """The first step of the login page: signed in, or a ticket for the second step."""
    user, limits = await _password_proven(request, username, password)
    return await second_step(request, user, "password", good=limits)


async def second_step(request: Request, user: User, method: signin.Method, *, good: list[Limit]) -> signin.SignIn | str:
    """What follows for somebody whose identity is proven: signed in, or a ticket for the code of the second factor."""
    if not user.totp_secret:
        return await start(request, user, method, good=good)
    await _give_back(request, good)
    return ticket_for(request, user, method)


async def code_step(request: Request, ticket: str, code: str) -> signin.SignIn | None:
    """The second step; None when the ticket is too old. Raises NotAuthenticated, TooManyRequests."""
    state = state_of(request)
    claims = tokens.read(state.key, ticket, kind="second")
    if claims is None:
        return None
    async with state.database.read() as session:
        user = await session.get(User, claims.user_id)
    if user is None or not user.is_active or signin.password_mark(user) != claims.session_id:
        return None
    return await by_code(request, user, code, "oidc" if claims.data.get("method") == "oidc" else "password")


def ticket_for(request: Request, user: User, method: signin.Method = "password") -> str:
    """What says for five minutes that the password was right (or the provider said so); void once that changes."""
    state = state_of(request)
    assert user.id is not None
    return tokens.issue(
        state.key,
        user_id=user.id,
        session_id=signin.password_mark(user),
        kind="second",
        now=state.clock.local(),
        lifetime=_TICKET_LIFE,
        data={"method": method},
    )


async def _password_proven(request: Request, username: str, password: str) -> tuple[User, list[Limit]]:
    state = state_of(request)
    limits = _limits(request, username)
    await throttle.take(state.database, state.clock, limits)
    try:
        return await signin.authenticate(state.database, username, password), limits
    except NotAuthenticated:
        # The name of a user only: what else stands in that field may well be a password.
        async with state.database.write() as session:
            user = await users.by_name(session, username)
            about = users.thing(user) if user else NOTHING
            await _note(session, request, REFUSED, state, about=about, actor=_stranger(request))
        raise


async def by_code(request: Request, user: User, code: str, method: signin.Method = "password") -> signin.SignIn:
    """Sign in somebody whose password was right with a code; raises NotAuthenticated, TooManyRequests."""
    state = state_of(request)
    limits = [throttle.limit("code", user.id, throttle.CODE)]
    await throttle.take(state.database, state.clock, limits)
    async with state.database.write() as session:
        now = await state.clock.now(session)
        good = await second_factor.passes(session, user, code[:100], keyring=state.keyring, now=now)
        if not good:
            details = {"second_factor": False}
            await _note(session, request, REFUSED, state, about=users.thing(user), details=details)
    if not good:
        raise NotAuthenticated(N_("This code is wrong or has been used. Take the next one."))
    return await start(request, user, method, good=limits)


async def start(request: Request, user: User, method: signin.Method, *, good: list[Limit]) -> signin.SignIn:
    """Start the sign-in of somebody whose identity is proven; what was tried was `good` and does not count."""
    state = state_of(request)
    visitor = signin.Visitor(address_of(request), request.headers.get("user-agent", ""))
    before = tokens.read(state.key, request.cookies.get(auth.cookie_name(request), ""), kind="page")

    async def work(session: WriteSession) -> signin.SignIn:
        now = await state.clock.now(session)
        await throttle.give_back(session, good)
        if before is not None and request.url.path.startswith("/ui"):
            await signin.end(session, before.session_id)
        lifetime = timedelta(days=state.settings.session_days)
        entry = await signin.start(session, user, lifetime=lifetime, now=now, visitor=visitor, method=method)
        actor = actor_for(request, user)
        await audit.record(session, "signin", now=now, actor=actor, details={"method": method})
        return entry

    return await state.database.transact(work)


async def refused(request: Request, details: Mapping[str, audit.Detail]) -> None:
    """Write down that somebody was refused who is known here by no name."""
    state = state_of(request)
    async with state.database.write() as session:
        await _note(session, request, REFUSED, state, about=NOTHING, details=details)


async def _note(
    session: WriteSession,
    request: Request,
    outcome: str,
    state: State,
    *,
    about: audit.Thing,
    actor: Actor | None = None,
    details: Mapping[str, audit.Detail] | None = None,
) -> None:
    now: datetime = await state.clock.now(session)
    who = actor or _stranger(request)
    await audit.record(session, "signin", about, now=now, outcome=outcome, actor=who, details=details)


def _stranger(request: Request) -> Actor:
    via = "page" if request.url.path.startswith("/ui") else "api"
    return Actor(None, NOBODY.name, NOBODY.role, via, address_of(request))


async def _give_back(request: Request, limits: list[Limit]) -> None:
    state = state_of(request)

    async def work(session: WriteSession) -> None:
        await throttle.give_back(session, limits)

    await state.database.transact(work)


# ---- throttle ----


def _limits(request: Request, username: str) -> list[Limit]:
    """Whose tries these are: of a browser that signed in to this account before, or of anybody else."""
    account = username.strip().casefold()
    device = tokens.read(state_of(request).key, request.cookies.get(_device_cookie(request), ""), kind="device")
    if device is not None and device.data.get("account") == account:
        return [throttle.limit("device", device.session_id, throttle.DEVICE)]
    return [throttle.limit("account", account, throttle.ACCOUNT), address_limit(request)]


def address_limit(request: Request) -> Limit:
    """The allowance of the address that the request comes from."""
    return throttle.limit("address", throttle.network(address_of(request)), throttle.ADDRESS)


def _device_cookie(request: Request) -> str:
    return "__Host-rota_device" if request.url.scheme == "https" else "rota_device"


# ---- tokens and cookies ----


def issue_token(request: Request, entry: signin.SignIn, kind: tokens.Kind, lifetime: timedelta) -> str:
    """A token of this sign-in that is good for `lifetime`: "access" for programs, "page" for the cookie."""
    state = state_of(request)
    assert entry.user.id is not None
    return tokens.issue(
        state.key,
        user_id=entry.user.id,
        session_id=entry.session_id,
        kind=kind,
        now=state.clock.local(),
        lifetime=lifetime,
    )


def set_cookies(request: Request, response: Response, entry: signin.SignIn) -> None:
    """Give the browser its session, and what tells later that it is no stranger to this account."""
    state = state_of(request)
    lifetime = timedelta(days=state.settings.session_days)
    set_cookie(request, response, auth.cookie_name(request), issue_token(request, entry, "page", lifetime), lifetime)
    assert entry.user.id is not None
    device = tokens.issue(
        state.key,
        user_id=entry.user.id,
        session_id=tokens.opaque(),
        kind="device",
        now=state.clock.local(),
        lifetime=_DEVICE_LIFE,
        data={"account": entry.user.username_key},
    )
    set_cookie(request, response, _device_cookie(request), device, _DEVICE_LIFE)


def set_cookie(request: Request, response: Response, name: str, value: str, lifetime: timedelta) -> None:
    """Give the browser a cookie that scripts cannot read, and other sites' forms do not send."""
    response.set_cookie(
        name,
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def clear_cookie(request: Request, response: Response) -> None:
    """Take the session cookie away."""
    response.delete_cookie(auth.cookie_name(request), path="/", httponly=True, secure=request.url.scheme == "https")
