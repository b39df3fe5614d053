"""The second factor: codes from an authenticator app, and recovery codes for the day the phone is gone."""

from datetime import datetime

import structlog
from sqlalchemy import delete, func, insert, select

from common.db.models import RecoveryCode, User, table_of
from common.db.session import ReadSession, WriteSession
from common.errors import Conflict, Invalid, KeyMissing
from common.security import tokens, totp
from common.security.encryption import Keyring, Place
from common.services import audit, signin, users

log = structlog.get_logger()
R = table_of(RecoveryCode)


def _place(user: User) -> Place:
    assert user.id is not None
    return Place("users", "totp_secret", user.id)


async def enable(
    session: WriteSession, user: User, secret: str, code: str, *, keyring: Keyring, now: datetime, but: str = ""
) -> list[str]:
    """Switch the second factor on, once a code shows that the app has the secret; every other sign-in ends.

    Returns the recovery codes, which nobody can see again. Raises Invalid, or Conflict when it is on already.
    """
    stored = await _locked(session, user)
    if stored.totp_secret:
        raise Conflict("The second factor is on already.")
    if not totp.is_secret(secret):
        raise Invalid("This is no secret for one-time codes.", field="secret")
    step = totp.step_of(secret, code, at=now.timestamp(), used=0)
    if step is None:
        raise Invalid("This code is wrong. Look at the clock of your phone, and take the next code.", field="code")
    stored.totp_secret = keyring.seal(secret, _place(stored))
    stored.totp_step = step
    codes = await _new_codes(session, stored)
    assert stored.id is not None
    await signin.end_all(session, stored.id, but=but)
    await audit.record(session, "user.totp", users.thing(stored), now=now, details={"on": True})
    return codes


async def _locked(session: WriteSession, user: User) -> User:
    stored = await session.get(User, user.id, with_for_update=True, populate_existing=True)
    assert stored is not None
    return stored


async def _new_codes(session: WriteSession, user: User) -> list[str]:
    codes = totp.recovery_codes()
    await session.execute(delete(R).where(R.c.user_id == user.id))
    rows = [{"user_id": user.id, "code_hash": tokens.digest(totp.plain(code))} for code in codes]
    await session.execute(insert(R), rows)
    await session.flush()
    return codes


async def renew_codes(session: WriteSession, user: User, *, now: datetime) -> list[str]:
    """New recovery codes in place of the old ones; raises Conflict when the second factor is off."""
    stored = await _locked(session, user)
    if not stored.totp_secret:
        raise Conflict("The second factor is off.")
    codes = await _new_codes(session, stored)
    await audit.record(session, "user.totp", users.thing(stored), now=now, details={"recovery_codes": True})
    return codes


async def disable(session: WriteSession, user: User, *, now: datetime) -> bool:
    """Switch the second factor off; returns whether it was on."""
    stored = await _locked(session, user)
    if not stored.totp_secret:
        return False
    stored.totp_secret = None
    await session.execute(delete(R).where(R.c.user_id == stored.id))
    await session.flush()
    await audit.record(session, "user.totp", users.thing(stored), now=now, details={"on": False})
    return True


async def passes(session: WriteSession, user: User, code: str, *, keyring: Keyring, now: datetime) -> bool:
    """Whether the code is right, and use it up: neither a code nor a recovery code works twice, not even at once."""
    stored = await _locked(session, user)
    assert stored.id is not None
    secret = _secret(stored, keyring)
    step = totp.step_of(secret, code, at=now.timestamp(), used=stored.totp_step) if secret else None
    if step is not None:
        stored.totp_step = step
        await session.flush()
        return True
    used = await session.execute(
        delete(R).where(R.c.user_id == stored.id, R.c.code_hash == tokens.digest(totp.plain(code)))
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def _secret(user: User, keyring: Keyring) -> str | None:
    """The secret; None when this machine lost the key to it. Recovery codes work without."""
    try:
        return keyring.open(user.totp_secret, _place(user)) if user.totp_secret else None
    except KeyMissing as error:
        log.error("second factor cannot be read", user=user.username, error=str(error))
        return None


async def codes_left(session: ReadSession, user_id: int) -> int:
    """How many recovery codes a user has left."""
    found = await session.scalar(select(func.count()).select_from(R).where(R.c.user_id == user_id))
    return int(found or 0)
