"""People: created by an administrator, at the first start, by registration, by a provider, or by the command line."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from common.db.models import Invitation, Task, User, UserSession, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import ADMINISTRATOR, ROLES, VIEWER
from common.errors import Conflict, Forbidden, Invalid, NotFound
from common.fields import Flag, Prose, refuse
from common.i18n import N_
from common.security import passwords, tokens
from common.services import audit
from common.services.audit import Thing

U = table_of(User)
I = table_of(Invitation)  # noqa: E741
S = table_of(UserSession)
T = table_of(Task)
INVITATION_LIFE = timedelta(days=7)
_USERNAME = re.compile(r"[\w.@+-]{2,64}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Role = Literal["viewer", "operator", "administrator"]


def _email(value: str) -> str:
    if value and not _EMAIL.fullmatch(value):
        raise refuse(N_("Must be an e-mail address."))
    return value


Password = Annotated[Prose, Field(min_length=1, max_length=passwords.MAX_LENGTH)]
DisplayName = Annotated[Prose, StringConstraints(strip_whitespace=True, max_length=100)]
Email = Annotated[Prose, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_email)]


class UserInput(BaseModel):
    """Somebody new. Without a password they get a one-time link to choose one."""

    model_config = ConfigDict(extra="forbid")
    username: Prose = Field(min_length=1, max_length=200, examples=["lin.yue"])
    role: Role = VIEWER  # type: ignore[assignment]
    password: Password | None = None
    must_change_password: Flag = Field(True, description="At the first sign-in; only with a password.")
    display_name: DisplayName = ""
    email: Email = ""
    may_create_code: Flag = Field(True, description="Whether an operator may create tasks that run code.")


class UserPatch(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    is_active: Flag | None = None
    password: Password | None = Field(None, description="A new one; to be changed at the next sign-in.")
    must_change_password: Flag | None = None
    display_name: DisplayName | None = None
    email: Email | None = None
    may_create_code: Flag | None = None


def thing(user: User) -> Thing:
    """The user, as the audit log names them."""
    return Thing("user", user.id, user.username)


def check_username(username: str) -> str:
    """The name as it is stored; raises Invalid."""
    username = username.strip()
    if not _USERNAME.fullmatch(username):
        raise Invalid("A user name has 2 to 64 letters, digits or any of . _ @ + -", field="username")
    return username


async def create(session: WriteSession, username: str, password: str, *, role: str, now: datetime) -> User:
    """Store a new user with a password; raises Invalid, or Conflict when the name is taken.

    Hashes within the transaction: for the first start and the command line, where nobody waits.
    """
    username = check_username(username)
    passwords.check_rules(password, username=username)
    return await store(session, username, await passwords.hash_password(password), role=role, now=now)


async def store(
    session: WriteSession,
    username: str,
    password_hash: str,
    *,
    role: str,
    now: datetime,
    action: str = "user.create",
    **fields: Any,
) -> User:
    """Store a new user; raises Invalid, or Conflict when the name is taken. An empty hash is no password."""
    if role not in ROLES:
        raise Invalid("A role is one of {roles}.", field="role", roles=", ".join(ROLES))
    username = check_username(username)
    user = User(
        username=username,
        username_key=username.casefold(),
        password_hash=password_hash,
        role=role,
        created_at=now,
        **fields,
    )
    try:
        async with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise Conflict("The user name {name} is taken.", field="username", name=username) from None
    await audit.record(session, action, thing(user), now=now, details={"role": role})
    return user


async def by_name(session: ReadSession, username: str) -> User | None:
    """The user of this name, however it is capitalised."""
    # A name that nobody can have is looked up all the same: refusing it sooner would tell that.
    key = username.strip().casefold()
    found: User | None = await session.scalar(
        select(User).where(U.c.username_key == (key if _USERNAME.fullmatch(key) else ""))
    )
    return found


async def named(session: ReadSession, username: str) -> User:
    """The user of this name; raises NotFound."""
    user = await by_name(session, username)
    if user is None:
        raise NotFound("There is no user {name}.", name=username)
    return user


async def get(session: ReadSession, user_id: int) -> User:
    """One user; raises NotFound."""
    user: User | None = await session.get(User, user_id)
    if user is None:
        raise NotFound("There is no user {id}.", id=user_id)
    return user


async def set_password(
    session: WriteSession,
    user: User,
    password_hash: str,
    *,
    now: datetime,
    must_change: bool = False,
    but: str = "",
) -> None:
    """Give a user a new password and end every sign-in of theirs, but the one named; invitations end too."""
    user.password_hash = password_hash
    user.must_change_password = must_change
    await session.execute(delete(S).where(S.c.user_id == user.id, S.c.id != but))
    await session.execute(delete(I).where(I.c.user_id == user.id))
    await session.flush()
    await audit.record(session, "user.password", thing(user), now=now)


async def change(
    session: WriteSession, user_id: int, patch: UserPatch, *, now: datetime, password_hash: str | None = None
) -> User:
    """Change a user; another role or being disabled ends every sign-in of theirs.

    Raises NotFound; Conflict for the last administrator; Forbidden for taking one's own rights away.
    """
    administrators = await _lock_administrators(session)
    user = await _locked(session, user_id)
    given = patch.model_dump(exclude_unset=True, exclude_none=True, exclude={"password"})
    changed = {name: value for name, value in given.items() if getattr(user, name) != value}
    if (changed.get("role") or user.role) != ADMINISTRATOR or changed.get("is_active") is False:
        _guard(session, user, administrators)
    for name, value in changed.items():
        setattr(user, name, value)
    if changed.keys() & {"role", "is_active"}:
        await session.execute(delete(S).where(S.c.user_id == user_id))
    await session.flush()
    if changed:
        details = {"fields": sorted(changed), **{k: v for k, v in changed.items() if k in ("role", "is_active")}}
        await audit.record(session, "user.update", thing(user), now=now, details=details)
    if password_hash is not None:
        must_change = patch.must_change_password is not False
        await set_password(session, user, password_hash, now=now, must_change=must_change)
    return user


async def remove(session: WriteSession, user_id: int, *, now: datetime) -> None:
    """Delete a user; raises NotFound, Forbidden, or Conflict for the last administrator and for whoever owns tasks."""
    administrators = await _lock_administrators(session)
    user = await _locked(session, user_id)
    _guard(session, user, administrators)
    count = await owned_tasks(session, user_id)
    if count:
        raise Conflict("{name} owns {count} tasks. Disable the account instead.", name=user.username, count=count)
    about = thing(user)
    await session.delete(user)
    await session.flush()
    await audit.record(session, "user.delete", about, now=now)


async def owned_tasks(session: ReadSession, user_id: int) -> int:
    """How many tasks a user owns."""
    found = await session.scalar(
        select(func.count()).select_from(T).where(T.c.owner_id == user_id, T.c.deleted_at.is_(None))
    )
    return int(found or 0)


async def _locked(session: WriteSession, user_id: int) -> User:
    user: User | None = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound("There is no user {id}.", id=user_id)
    return user


async def _lock_administrators(session: WriteSession) -> set[int]:
    """The active administrators, locked: of two who take each other's role away at the same time one comes second."""
    rows = await session.scalars(
        select(U.c.id).where(U.c.role == ADMINISTRATOR, U.c.is_active.is_(True)).order_by(U.c.id).with_for_update()
    )
    return set(rows)


def _guard(session: WriteSession, user: User, administrators: set[int]) -> None:
    """Refuse to take the rights of an administrator away from oneself, or from the last one."""
    if user.id not in administrators:
        return
    if user.id == session.actor.user_id:
        raise Forbidden(N_("You cannot take your own rights away. Another administrator can."))
    if len(administrators) == 1:
        raise Conflict("{name} is the last administrator. Make somebody else one first.", name=user.username)


async def any_user(session: ReadSession) -> bool:
    """Whether anybody can sign in at all."""
    return await session.scalar(select(U.c.id).limit(1)) is not None


# ---- invitations ----


async def invite(session: WriteSession, user: User, *, now: datetime) -> str:
    """The token of a one-time link with which the user chooses a password; an earlier link is void."""
    assert user.id is not None
    token = tokens.opaque()
    await session.execute(delete(I).where(I.c.user_id == user.id))
    session.add(Invitation(user_id=user.id, token_hash=tokens.digest(token), expires_at=now + INVITATION_LIFE))
    await session.flush()
    await audit.record(session, "user.invite", thing(user), now=now)
    return token


async def invited(session: ReadSession, token: str, *, now: datetime) -> User:
    """Whom a link is for; raises NotFound when it has been used, replaced, or is a week old."""
    found: User | None = await session.scalar(
        select(User)
        .join(I, I.c.user_id == U.c.id)
        .where(I.c.token_hash == tokens.digest(token), I.c.expires_at > now, U.c.is_active.is_(True))
    )
    if found is None:
        raise NotFound("This link has been used or replaced, or is too old. Ask for a new one.")
    return found


async def accept(session: WriteSession, token: str, password_hash: str, *, now: datetime) -> User:
    """Take the password that the invited person chose; of several at once one wins. Raises NotFound."""
    user = await invited(session, token, now=now)
    used = await session.execute(delete(I).where(I.c.token_hash == tokens.digest(token)))
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise NotFound("This link has been used or replaced, or is too old. Ask for a new one.")
    await set_password(session, user, password_hash, now=now)
    return user
