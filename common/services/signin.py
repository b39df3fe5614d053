"""Signing in and out: a row a sign-in, to which every token and cookie is bound."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, select

from common.db.models import User, UserSession
from common.db.session import ReadSession, WriteSession
from common.errors import NotAuthenticated
from common.security import passwords, tokens
from common.services import users


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in: the user, its row's id and the refresh token, which is shown once."""

    user: User
    session_id: str
    refresh_token: str


async def authenticate(session: ReadSession, username: str, password: str) -> User:
    """The user whose name and password these are; raises NotAuthenticated, in the same words and time for all."""
    user = await users.by_name(session, username)
    good = await passwords.verify(password, user.password_hash if user else None)
    if user is None or not good or not user.is_active:
        raise NotAuthenticated("User name or password is wrong.")
    return user


async def start(
    session: WriteSession, user: User, *, lifetime: timedelta, now: datetime, user_agent: str = ""
) -> SignIn:
    """Sign the user in for `lifetime`."""
    assert user.id is not None
    refresh = tokens.opaque()
    row = UserSession(
        id=uuid4().hex,
        user_id=user.id,
        refresh_hash=tokens.digest(refresh),
        created_at=now,
        expires_at=now + lifetime,
        user_agent=user_agent[:255],
    )
    session.add(row)
    stored = await session.get(User, user.id)
    if stored is not None:
        stored.last_login_at = now
    await session.flush()
    return SignIn(user, row.id, f"{row.id}.{refresh}")


async def refresh(session: WriteSession, token: str, *, now: datetime) -> SignIn | None:
    """Exchange a refresh token for a new one. One that was used already was stolen: the sign-in ends (None)."""
    session_id, _, secret = token.partition(".")
    row = await session.get(UserSession, session_id, with_for_update=True)
    if row is None or row.expires_at <= now:
        return None
    user = await session.get(User, row.user_id)
    if row.refresh_hash != tokens.digest(secret) or user is None or not user.is_active:
        await session.delete(row)
        return None
    fresh = tokens.opaque()
    row.refresh_hash = tokens.digest(fresh)
    return SignIn(user, row.id, f"{row.id}.{fresh}")


async def user_of(session: ReadSession, claims: tokens.Claims, *, now: datetime) -> User | None:
    """The user a token speaks for, as long as the sign-in lasts and the user is active."""
    found: User | None = await session.scalar(
        select(User)
        .join(UserSession, UserSession.user_id == User.id)  # type: ignore[arg-type]
        .where(
            UserSession.id == claims.session_id,  # type: ignore[arg-type]
            UserSession.expires_at > now,  # type: ignore[arg-type]
            User.id == claims.user_id,  # type: ignore[arg-type]
            User.is_active.is_(True),  # type: ignore[attr-defined]
        )
    )
    return found


async def end(session: WriteSession, session_id: str) -> None:
    """Sign out: tokens and cookies of this sign-in are worthless from now on."""
    await session.execute(delete(UserSession).where(UserSession.id == session_id))  # type: ignore[arg-type]
