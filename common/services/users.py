"""People: created at the first start, by registration, or by the command line."""

import re
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from common.db.models import User, UserSession
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import ROLES
from common.errors import Conflict, Invalid, NotFound
from common.security import passwords

_USERNAME = re.compile(r"[\w.@+-]{2,64}")


def check_username(username: str) -> str:
    """The name as it is stored; raises Invalid."""
    username = username.strip()
    if not _USERNAME.fullmatch(username):
        raise Invalid("A user name has 2 to 64 letters, digits or any of . _ @ + -", field="username")
    return username


async def create(session: WriteSession, username: str, password: str, *, role: str, now: datetime) -> User:
    """Store a new user; raises Invalid, or Conflict when the name is taken."""
    username = check_username(username)
    if role not in ROLES:
        raise Invalid("A role is one of {roles}.", field="role", roles=", ".join(ROLES))
    passwords.check_rules(password, username=username)
    user = User(
        username=username,
        username_key=username.casefold(),
        password_hash=await passwords.hash_password(password),
        role=role,
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise Conflict("The user name {name} is taken.", field="username", name=username) from None
    return user


async def by_name(session: ReadSession, username: str) -> User | None:
    """The user of this name, however it is capitalised."""
    if not _USERNAME.fullmatch(username.strip()):
        return None
    found: User | None = await session.scalar(select(User).where(User.username_key == username.strip().casefold()))  # type: ignore[arg-type]
    return found


async def set_password(session: WriteSession, username: str, password: str) -> User:
    """Give a user a new password and end every sign-in of theirs; raises NotFound, Invalid."""
    user = await by_name(session, username)
    if user is None:
        raise NotFound("There is no user {name}.", name=username)
    passwords.check_rules(password, username=user.username)
    user.password_hash = await passwords.hash_password(password)
    await session.execute(delete(UserSession).where(UserSession.user_id == user.id))  # type: ignore[arg-type]
    return user


async def any_user(session: ReadSession) -> bool:
    """Whether anybody can sign in at all."""
    return await session.scalar(select(User.id).limit(1)) is not None  # type: ignore[call-overload]
