"""The first start: an administrator from the settings, or a one-time link."""

from datetime import datetime

from sqlalchemy import delete

from common.clock import Clock
from common.db.models import SetupToken, User
from common.db.session import Database, ReadSession, WriteSession
from common.domain.permissions import ADMINISTRATOR
from common.errors import NotFound
from common.security import passwords, tokens
from common.services import users


async def prepare(database: Database, *, admin_password: str | None, known: str | None, clock: Clock) -> str | None:
    """Make the first sign-in possible; returns the token of the set-up link, None when none is needed.

    With `admin_password` the user `admin` is created, unless there is a user already: an old setting changes nothing.
    `known` is a token shown before: it stays the one as long as the database agrees.
    """
    async with database.write() as session:
        now = await clock.now(session)
        if await users.any_user(session):
            await session.execute(delete(SetupToken))
            return None
        if admin_password is not None:
            await users.create(session, "admin", admin_password, role=ADMINISTRATOR, now=now)
            await session.execute(delete(SetupToken))
            return None
        if known is not None and await is_open(session, known):
            return known
        token = tokens.opaque()
        await session.execute(delete(SetupToken))
        session.add(SetupToken(id=1, token_hash=tokens.digest(token), created_at=now))
        return token


async def is_open(session: ReadSession, token: str) -> bool:
    """Whether this set-up link still works."""
    row = await session.get(SetupToken, 1)
    return row is not None and row.token_hash == tokens.digest(token)


async def complete(session: WriteSession, token: str, username: str, password_hash: str, *, now: datetime) -> User:
    """Create the first administrator and close the link for ever; raises NotFound, Invalid.

    Of several at once one deletes the row and the others find none.
    """
    used = await session.execute(
        delete(SetupToken).where(SetupToken.id == 1, SetupToken.token_hash == tokens.digest(token))  # type: ignore[arg-type]
    )
    if used.rowcount != 1 or await users.any_user(session):  # type: ignore[attr-defined]
        raise NotFound("This set-up link has been used or replaced.")
    return await users.store(session, username, password_hash, role=ADMINISTRATOR, now=now, action="setup")


async def run(database: Database, clock: Clock, token: str, username: str, password: str) -> User:
    """Create the first administrator with this link; raises NotFound, Invalid.

    The password is hashed before the transaction, and only for somebody who has the link.
    """
    async with database.read() as session:
        if not await is_open(session, token):
            raise NotFound("This set-up link has been used or replaced.")
    username = users.check_username(username)
    passwords.check_rules(password, username=username)
    hashed = await passwords.hash_password(password)
    async with database.write() as session:
        return await complete(session, token, username, hashed, now=await clock.now(session))
