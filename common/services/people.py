"""What administrators do with accounts, where passwords are hashed before the transaction begins."""

from datetime import datetime

from common.clock import Clock
from common.db.models import User
from common.db.session import Database, WriteSession
from common.security import passwords
from common.services import audit, signin, users
from common.services.users import UserInput, UserPatch


async def create(database: Database, clock: Clock, data: UserInput) -> tuple[User, str | None]:
    """A new user, and the token of their invitation when no password was given; raises Invalid, Conflict."""
    username = users.check_username(data.username)
    hashed = ""
    if data.password is not None:
        passwords.check_rules(data.password, username=username)
        hashed = await passwords.hash_password(data.password)
    async with database.write() as session:
        now = await clock.now(session)
        user = await users.store(
            session,
            username,
            hashed,
            role=data.role,
            now=now,
            must_change_password=bool(hashed) and data.must_change_password,
            display_name=data.display_name,
            email=data.email,
            may_create_code=data.may_create_code,
        )
        return user, None if hashed else await users.invite(session, user, now=now)


async def change(database: Database, clock: Clock, user_id: int, patch: UserPatch) -> User:
    """Change a user; raises NotFound, Invalid, Conflict, Forbidden."""
    hashed = None
    if patch.password is not None:
        async with database.read() as session:
            user = await users.get(session, user_id)
        passwords.check_rules(patch.password, username=user.username)
        hashed = await passwords.hash_password(patch.password)
    async with database.write() as session:
        now = await clock.now(session)
        return await users.change(session, user_id, patch, now=now, password_hash=hashed)


async def accept(database: Database, clock: Clock, token: str, password: str) -> User:
    """Take the password that an invited person chose; raises NotFound, Invalid."""
    async with database.read() as session:
        user = await users.invited(session, token, now=await clock.now(session))
    passwords.check_rules(password, username=user.username)
    hashed = await passwords.hash_password(password)
    async with database.write() as session:
        return await users.accept(session, token, hashed, now=await clock.now(session))


async def sign_out(session: WriteSession, user_id: int, *, now: datetime) -> int:
    """End every sign-in of a user; returns how many that were. Raises NotFound."""
    user = await users.get(session, user_id)
    ended = await signin.end_all(session, user_id)
    await audit.record(session, "user.signout", users.thing(user), now=now, details={"count": ended})
    return ended
