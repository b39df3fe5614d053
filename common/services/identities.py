"""Whose account somebody gets into who signs in with an OpenID Connect provider (ADR 0016).

The identity that was seen before; else the one account with the e-mail address that the provider has verified and an
administrator has written into the account; else a new account, where that is allowed. A name decides nothing.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from common.db.models import User, UserIdentity, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.identity import Admission, Identity, first_role, refusal, role_of, usernames
from common.errors import Conflict, Forbidden, NotAuthenticated, NotFound
from common.i18n import N_
from common.services import audit, signin, users
from common.services.users import UserPatch

U = table_of(User)
I = table_of(UserIdentity)  # noqa: E741


async def account_of(session: WriteSession, identity: Identity, admission: Admission, *, now: datetime) -> User:
    """The account of this identity, connected or made where it is new; raises Forbidden, NotAuthenticated.

    Where groups give roles, the account has the role of its groups from now on.
    """
    why = refusal(identity, admission)
    if why is not None:
        raise Forbidden(why)
    row = await session.scalar(
        select(UserIdentity).where(I.c.issuer == identity.issuer, I.c.subject == identity.subject).with_for_update()
    )
    user = await _known(session, row) if row else await _new(session, identity, admission, now=now)
    if not user.is_active:
        raise Forbidden(N_("This account is disabled. An administrator can enable it."))
    if row is not None:
        row.last_login_at = now
    return await _with_role(session, user, role_of(identity, admission), now=now)


async def _known(session: WriteSession, row: UserIdentity) -> User:
    return await users.get(session, row.user_id)


async def _new(session: WriteSession, identity: Identity, admission: Admission, *, now: datetime) -> User:
    """The account of somebody who comes for the first time."""
    user = await _by_email(session, identity)
    if user is not None:
        await _connect(session, user, identity, now=now)
        await audit.record(session, "user.connect", users.thing(user), now=now, details={"issuer": identity.issuer})
        return user
    if not admission.registration:
        raise Forbidden(N_("You have no account here. Ask an administrator for one with your e-mail address."))
    user = await _create(session, identity, first_role(identity, admission), now=now)
    await _connect(session, user, identity, now=now)
    return user


async def _by_email(session: WriteSession, identity: Identity) -> User | None:
    """The one account with this verified address that no identity of this provider has yet.

    An address that passes to another person must not take the account along: their identity is another one.
    """
    if not identity.email:
        return None
    same = func.lower(U.c.email) == identity.email.lower()
    rows = list(await session.scalars(select(User).where(same).order_by(U.c.id).limit(2).with_for_update()))
    if not rows:
        return None
    known = select(I.c.id).where(I.c.user_id == rows[0].id, I.c.issuer == identity.issuer)
    if len(rows) > 1 or await session.scalar(known) is not None:
        raise Forbidden(N_("The account with your e-mail address may be somebody else's. Ask an administrator."))
    return rows[0]


async def _connect(session: WriteSession, user: User, identity: Identity, *, now: datetime) -> None:
    assert user.id is not None
    row = UserIdentity(
        user_id=user.id, issuer=identity.issuer, subject=identity.subject, created_at=now, last_login_at=now
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:  # of two first sign-ins at once
        raise NotAuthenticated(N_("The sign-in service did not prove who you are. Try again.")) from None


async def _create(session: WriteSession, identity: Identity, role: str, *, now: datetime) -> User:
    for name in usernames(identity):
        try:
            return await users.store(
                session,
                name,
                "",
                role=role,
                now=now,
                action="user.register",
                display_name=identity.display_name,
                email=identity.email,
            )
        except Conflict:
            continue
    raise Forbidden(N_("You have no account here. Ask an administrator for one with your e-mail address."))


async def _with_role(session: WriteSession, user: User, role: str | None, *, now: datetime) -> User:
    """The user with the role their groups give them. The last administrator stays one."""
    assert user.id is not None
    if role is None or role == user.role:
        return user
    try:
        return await users.change(session, user.id, UserPatch(role=role), now=now)
    except Conflict:
        return user


async def identities_of(session: ReadSession, user_id: int) -> list[UserIdentity]:
    """The identities with which a user signs in."""
    found = await session.scalars(select(UserIdentity).where(I.c.user_id == user_id).order_by(I.c.id))
    return list(found)


async def own(session: ReadSession, user_id: int, identity_id: int) -> UserIdentity:
    """One of a user's identities; raises NotFound."""
    found = next((row for row in await identities_of(session, user_id) if row.id == identity_id), None)
    if found is None:
        raise NotFound(N_("There is no such connection."))
    return found


async def disconnect_one(
    session: WriteSession, user_id: int, identity_id: int, *, issuer: str, but: str, now: datetime
) -> None:
    """Take one identity away from its user, and end what they began elsewhere (`but` is the sign-in that stays).

    Raises NotFound, and Conflict where nothing else would let them in: no password, and no identity of `issuer`, the
    provider that people can sign in with now.
    """
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    gone = await own(session, user_id, identity_id)
    others = any(row.issuer == issuer for row in await identities_of(session, user_id) if row.id != identity_id)
    if user is None or (not user.password_hash and not others):
        raise Conflict(N_("This is your only way in. Ask an administrator for a link to choose a password first."))
    await session.delete(gone)
    await session.flush()
    await signin.end_all(session, user_id, but=but)
    await audit.record(session, "user.disconnect", users.thing(user), now=now, details={"issuer": gone.issuer})


async def disconnect(session: WriteSession, user_id: int, *, now: datetime) -> int:
    """Take a user's identities away: whoever comes with one is new again. Returns how many there were."""
    user = await users.get(session, user_id)
    rows = await identities_of(session, user_id)
    for row in rows:
        await session.delete(row)
    if rows:
        await audit.record(session, "user.disconnect", users.thing(user), now=now, details={"count": len(rows)})
    return len(rows)
