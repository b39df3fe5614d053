"""Signing in and out, for programs."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api import auth, signing_in
from api.deps import ClockDep, DatabaseDep, PersonDep, SettingsDep, UserDep, WriteDep, WriteNow
from api.schemas.base import Answer, Instant
from common.errors import Forbidden, NotAuthenticated
from common.i18n import N_
from common.security import passwords
from common.services import account, audit, signin, throttle, users
from common.services.inputs import Prose

public = APIRouter(prefix="/auth", tags=["auth"])
private = APIRouter(prefix="/auth", tags=["auth"])


class Credentials(BaseModel):
    """User name and password, and the code of the second factor where there is one."""

    model_config = ConfigDict(extra="ignore")
    username: Prose = Field(min_length=1, max_length=200)
    password: Prose = Field(min_length=1, max_length=1024)
    totp: Prose = Field("", max_length=100, description="Code of the authenticator app, or a recovery code.")


class Token(Answer):
    """An access token for `Authorization: Bearer`, and a refresh token that gets the next one once."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class Refresh(BaseModel):
    """A refresh token; it is good for one use."""

    model_config = ConfigDict(extra="forbid")
    refresh_token: str = Field(pattern=r"^[0-9a-f]{32}\.[A-Za-z0-9_-]{20,100}$")


class Me(Answer):
    """The person who asks."""

    id: int
    username: str
    role: str
    #: Of an API key: what it is for. Null for a sign-in, which has no such limits.
    scopes: list[str] | None = None
    #: What must be done before anything else: `password` to change it, `totp` to set up the second factor.
    required_action: str | None = None


class Registered(Answer):
    """A new user."""

    id: int
    username: str
    role: str
    created_at: Instant


async def _credentials(request: Request) -> Credentials:
    """Read credentials from JSON, or from the form that OAuth2 clients and /docs send; raises 422."""
    data: Any
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            data = await request.json()
        else:
            data = dict(await request.form())
        return Credentials.model_validate(data)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    except (ValueError, RecursionError):
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": "", "ctx": {}}]) from None


_SCHEMA = Credentials.model_json_schema()
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": _SCHEMA}, "application/json": {"schema": _SCHEMA}},
    }
}
CredentialsDep = Annotated[Credentials, Depends(_credentials)]


@public.post("/login", openapi_extra=_BODY)
async def login(request: Request, given: CredentialsDep, settings: SettingsDep) -> Token:
    """Sign in with user name and password, as JSON or as an OAuth2 password form."""
    auth.check_origin(request)
    entry = await signing_in.by_password(request, given.username, given.password, given.totp)
    return _token(request, entry, settings)


@public.post("/refresh")
async def refresh(
    request: Request, data: Refresh, database: DatabaseDep, settings: SettingsDep, clock: ClockDep
) -> Token:
    """Exchange a refresh token for a new pair. One used twice was stolen: that sign-in ends."""
    # Its own transaction: ending a stolen sign-in must last although the answer is an error.
    async with database.write() as session:
        now = await clock.now(session)
        found = await signin.refresh(session, data.refresh_token, now=now)
        if found.stolen is not None:
            await audit.record(session, "signin.reuse", users.thing(found.stolen), now=now, outcome="refused")
    if found.entry is None:
        raise NotAuthenticated(N_("This refresh token is used up. Sign in again."))
    return _token(request, found.entry, settings)


@public.post("/register", status_code=201)
async def register(
    request: Request, given: CredentialsDep, database: DatabaseDep, clock: ClockDep, settings: SettingsDep
) -> Registered:
    """Register an account, as a viewer; off unless `registration` is switched on."""
    if not settings.registration:
        raise Forbidden(N_("Registration is switched off. Ask an administrator for an account."))
    username = users.check_username(given.username)
    passwords.check_rules(given.password, username=username)
    limits = [throttle.limit("register", signing_in.address_limit(request).key, throttle.REGISTRATION)]
    await throttle.take(database, clock, limits)
    hashed = await passwords.hash_password(given.password)
    async with database.write() as session:
        now = await clock.now(session)
        user = await users.store(session, username, hashed, role="viewer", now=now, action="user.register")
    return Registered.model_validate(user)


@private.get("/me")
async def me(user: UserDep) -> Me:
    """Who am I."""
    scopes = None if user.key_id is None else sorted(user.scopes)
    return Me(id=user.user_id, username=user.username, role=user.role, scopes=scopes, required_action=user.duty or None)


class NewPassword(BaseModel):
    """The password as it is, and as it shall be."""

    model_config = ConfigDict(extra="forbid")
    current_password: users.Password
    new_password: users.Password


@private.post("/password", status_code=204)
async def change_password(data: NewPassword, user: PersonDep, database: DatabaseDep, clock: ClockDep) -> None:
    """Change your password; every other sign-in of yours ends."""
    await account.change_password(
        database, clock, user.user_id, data.current_password, data.new_password, session_id=user.session_id
    )


@private.post("/logout", status_code=204)
async def logout(user: PersonDep, session: WriteDep, now: WriteNow) -> None:
    """Sign out: this token and what was made with it are worthless from now on."""
    await signin.end(session, user.session_id)
    await audit.record(session, "signout", now=now)


def _token(request: Request, entry: signin.SignIn, settings: SettingsDep) -> Token:
    lifetime = timedelta(minutes=settings.access_token_minutes)
    return Token(
        access_token=signing_in.issue_token(request, entry, "access", lifetime),
        token_type="bearer",
        expires_in=int(lifetime.total_seconds()),
        refresh_token=entry.refresh_token,
    )
