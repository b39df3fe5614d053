"""What people do with their own account: another password, the second factor, name and language."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from common.clock import Clock
from common.db.models import User
from common.db.session import Database, WriteSession
from common.errors import Invalid
from common.security import passwords
from common.security.encryption import Keyring
from common.services import audit, identities, second_factor, signin, throttle, users
from common.services.users import DisplayName


class ProfilePatch(BaseModel):
    """What people may change of themselves; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    display_name: DisplayName | None = None
    language: Literal["", "en", "zh_CN"] | None = Field(None, description="Of the pages; empty = the browser's.")


async def update_profile(session: WriteSession, user_id: int, patch: ProfilePatch, *, now: datetime) -> User:
    """Change name and language."""
    user = await users.get(session, user_id)
    changed = patch.model_dump(exclude_unset=True, exclude_none=True)
    for name, value in changed.items():
        setattr(user, name, value)
    await session.flush()
    if changed:
        await audit.record(session, "user.update", users.thing(user), now=now, details={"fields": sorted(changed)})
    return user


async def change_password(
    database: Database,
    clock: Clock,
    user_id: int,
    current: str,
    new: str,
    *,
    session_id: str,
    field: str = "new_password",
) -> None:
    """Change one's own password; every other sign-in ends. Raises Invalid naming the field, TooManyRequests.

    Several transactions: no connection is held while passwords are hashed.
    """
    user = await prove_password(database, clock, user_id, current, field="current_password")
    if not user.password_hash:
        raise Invalid(
            "You have no password here yet. An administrator can send you a link to choose one.",
            field="current_password",
        )
    passwords.check_rules(new, username=user.username, field=field)
    if new == current:
        raise Invalid("This is the password you have. Take another one.", field=field)
    hashed = await passwords.hash_password(new)
    async with database.write() as session:
        stored = await session.get(User, user_id, with_for_update=True)
        if stored is None or stored.password_hash != user.password_hash:
            raise Invalid("The password is wrong.", field="current_password")
        await users.set_password(session, stored, hashed, now=await clock.now(session), but=session_id)


async def prove_password(
    database: Database, clock: Clock, user_id: int, password: str, *, field: str = "password"
) -> User:
    """The user, if this is their password or they have none; raises Invalid naming the field, TooManyRequests."""
    limits = [throttle.limit("own", user_id, throttle.OWN_PASSWORD)]
    await throttle.take(database, clock, limits)
    async with database.read() as session:
        user = await users.get(session, user_id)
    if user.password_hash and not await signin.password_fits(user, password):
        raise Invalid("The password is wrong.", field=field)
    async with database.write() as session:
        await throttle.give_back(session, limits)
    return user


async def enable_second_factor(
    database: Database,
    clock: Clock,
    user_id: int,
    secret: str,
    code: str,
    *,
    password: str,
    keyring: Keyring,
    session_id: str,
) -> list[str]:
    """Switch one's second factor on; returns recovery codes. Raises Invalid naming the field, Conflict."""
    user = await prove_password(database, clock, user_id, password)
    async with database.write() as session:
        now = await clock.now(session)
        return await second_factor.enable(session, user, secret, code, keyring=keyring, now=now, but=session_id)


async def disable_second_factor(database: Database, clock: Clock, user_id: int, *, password: str) -> None:
    """Switch one's second factor off; raises Invalid naming the field."""
    user = await prove_password(database, clock, user_id, password)
    async with database.write() as session:
        await second_factor.disable(session, user, now=await clock.now(session))


async def renew_recovery_codes(database: Database, clock: Clock, user_id: int, *, password: str) -> list[str]:
    """New recovery codes; raises Invalid naming the field, Conflict when the second factor is off."""
    user = await prove_password(database, clock, user_id, password)
    async with database.write() as session:
        return await second_factor.renew_codes(session, user, now=await clock.now(session))


async def disconnect(
    database: Database, clock: Clock, user_id: int, identity_id: int, *, password: str, issuer: str, session_id: str
) -> None:
    """Leave a sign-in service; every other sign-in ends. Raises Invalid naming the field, NotFound, and Conflict where
    it is the only way in."""
    async with database.read() as session:
        await identities.own(session, user_id, identity_id)
    await prove_password(database, clock, user_id, password)
    async with database.write() as session:
        now = await clock.now(session)
        await identities.disconnect_one(session, user_id, identity_id, issuer=issuer, but=session_id, now=now)
