"""Signing in and out: a row a sign-in, to which every token and cookie is bound."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from sqlalchemy import delete, select, update

from common.db.models import User, UserSession, table_of
from common.db.session import Database, ReadSession, WriteSession
from common.errors import NotAuthenticated
from common.i18n import N_
from common.security import passwords, tokens
from common.services import users

S = table_of(UserSession)
U = table_of(User)
#: How old "last seen" may be before it is written again.
SEEN_EVERY = timedelta(minutes=1)

Method = Literal["password", "invitation", "setup", "oidc"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in: the user, its row's id and the refresh token, which is shown once."""

    user: User
    session_id: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a sign-in comes from."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Active:
    """A sign-in that lasts: the user, how they proved who they are, and whether it is time to note that they came."""

    user: User
    method: str
    unseen: bool


async def password_fits(user: User | None, password: str) -> bool:
    """Whether this is the password of an active user; None costs the same. Hold no connection meanwhile."""
    good = await passwords.verify(password, user.password_hash if user else None)
    return user is not None and good and user.is_active


async def authenticate(database: Database, username: str, password: str) -> User:
    """The user whose name and password these are; raises NotAuthenticated, in the same words and time for all."""
    async with database.read() as session:
        user = await users.by_name(session, username)
    if not await password_fits(user, password) or user is None:
        raise refused()
    return user


def refused() -> NotAuthenticated:
    """What everybody is told whose sign-in is refused, whatever the reason."""
    return NotAuthenticated(N_("User name or password is wrong."))


async def start(
    session: WriteSession,
    user: User,
    *,
    lifetime: timedelta,
    now: datetime,
    visitor: Visitor = Visitor(),
    method: Method = "password",
) -> SignIn:
    """Sign the user in for `lifetime`; raises NotAuthenticated when they were disabled or deleted meanwhile."""
    assert user.id is not None
    stored = await session.get(User, user.id, with_for_update=True)
    if stored is None or not stored.is_active or stored.password_hash != user.password_hash:
        raise refused()
    refresh = tokens.opaque()
    row = UserSession(
        id=uuid4().hex,
        user_id=user.id,
        refresh_hash=tokens.digest(refresh),
        created_at=now,
        expires_at=now + lifetime,
        user_agent=visitor.user_agent[:255],
        address=visitor.address[:64],
        method=method,
        last_seen_at=now,
    )
    session.add(row)
    stored.last_login_at = now
    await session.flush()
    return SignIn(stored, row.id, f"{row.id}.{refresh}")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of a refresh token: a fresh sign-in, or None; `stolen` when one was used a second time."""

    entry: SignIn | None
    stolen: User | None = None


async def refresh(session: WriteSession, token: str, *, now: datetime) -> Refreshed:
    """Exchange a refresh token for a new one. One that was used already was stolen: the sign-in ends."""
    session_id, _, secret = token.partition(".")
    row = await session.get(UserSession, session_id, with_for_update=True)
    if row is None or row.expires_at <= now:
        return Refreshed(None)
    user = await session.get(User, row.user_id)
    if user is None or not user.is_active or row.refresh_hash != tokens.digest(secret):
        await session.delete(row)
        return Refreshed(None, user)
    fresh = tokens.opaque()
    row.refresh_hash = tokens.digest(fresh)
    row.last_seen_at = now
    return Refreshed(SignIn(user, row.id, f"{row.id}.{fresh}"))


async def active(session: ReadSession, claims: tokens.Claims, *, now: datetime) -> Active | None:
    """The sign-in a token speaks for, as long as it lasts and the user is active."""
    found = await session.execute(
        select(User, S.c.method, S.c.last_seen_at)
        .join(S, S.c.user_id == U.c.id)
        .where(S.c.id == claims.session_id, S.c.expires_at > now, U.c.id == claims.user_id, U.c.is_active.is_(True))
    )
    row = found.one_or_none()
    return None if row is None else Active(row[0], row.method, stale(row.last_seen_at, now))


def stale(instant: datetime | None, now: datetime) -> bool:
    """Whether "last seen" is worth writing again."""
    return instant is None or instant <= now - SEEN_EVERY


async def seen(session: WriteSession, session_id: str, *, now: datetime) -> None:
    """Note that somebody came with this sign-in; once a minute is enough, of several requests at once one writes."""
    before = now - SEEN_EVERY
    await session.execute(
        update(S)
        .where(S.c.id == session_id, S.c.last_seen_at.is_(None) | (S.c.last_seen_at <= before))
        .values(last_seen_at=now)
    )


async def end(session: WriteSession, session_id: str) -> None:
    """Sign out: tokens and cookies of this sign-in are worthless from now on."""
    await session.execute(delete(S).where(S.c.id == session_id))


async def end_all(session: WriteSession, user_id: int, *, but: str = "") -> int:
    """End every sign-in of a user, but the one named; returns how many that were."""
    done = await session.execute(delete(S).where(S.c.user_id == user_id, S.c.id != but))
    return int(done.rowcount)  # type: ignore[attr-defined]


async def end_one(session: WriteSession, user_id: int, session_id: str) -> bool:
    """End one sign-in of this user; False when they have none such."""
    done = await session.execute(delete(S).where(S.c.user_id == user_id, S.c.id == session_id))
    return bool(done.rowcount)  # type: ignore[attr-defined]


async def sessions_of(session: ReadSession, user_id: int, *, now: datetime) -> list[UserSession]:
    """Where a user is signed in, the latest seen first."""
    rows = await session.scalars(
        select(UserSession)
        .where(S.c.user_id == user_id, S.c.expires_at > now)
        .order_by(S.c.last_seen_at.desc(), S.c.created_at.desc(), S.c.id)
        .limit(200)
    )
    return list(rows)


def password_mark(user: User) -> str:
    """Changes with the password: what was proven with an old one is proven no more."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:32]
