"""Passwords: argon2id through passlib (its maintained distribution, libpass)."""

import asyncio
from functools import cache

from passlib.context import CryptContext

from common.errors import Invalid

MIN_LENGTH = 12
MAX_LENGTH = 1024
#: OWASP's figures: 19 MiB, two rounds, some 30 ms. More memory would let a flood of logins starve a small machine.
_CONTEXT = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19_456,
    argon2__rounds=2,
    argon2__parallelism=1,
)
#: Two hashes at once at most: 200 parallel logins must not slow other requests.
_AT_ONCE = asyncio.Semaphore(2)
_COMMON = {
    "password1234",
    "passwordpassword",
    "123456789012",
    "1234567890123",
    "qwertyuiop12",
    "qwertyuiopasdf",
    "administrator",
    "changemechangeme",
    "letmeinletmein",
    "iloveyou1234",
    "adminadminadmin",
    "admin1234567",
    "welcome12345",
    "111111111111",
    "000000000000",
}


def check_rules(password: str, *, username: str = "", field: str = "password") -> None:
    """Raise Invalid when the password is too short, too long, common, or the user's own name."""
    if len(password) < MIN_LENGTH:
        raise Invalid("A password needs {count} characters at least.", field=field, count=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        raise Invalid("A password has {count} characters at most.", field=field, count=MAX_LENGTH)
    lowered = password.lower()
    if lowered in _COMMON or len(set(lowered)) < 4 or lowered in (username.lower(), username.lower() * 2):
        raise Invalid("This password is too easy to guess. Take a longer one, several words for example.", field=field)


async def hash_password(password: str) -> str:
    """The hash to store."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_CONTEXT.hash, password)


@cache
def _decoy() -> str:
    return str(_CONTEXT.hash("no user has this password"))


async def verify(password: str, stored: str | None) -> bool:
    """Whether the password is the one stored. None (no such user) takes as long as a wrong password, and is False."""
    async with _AT_ONCE:
        good = await asyncio.to_thread(_verify, password[: MAX_LENGTH + 1], stored)
    return good and stored is not None and len(password) <= MAX_LENGTH


def _verify(password: str, stored: str | None) -> bool:
    return bool(_CONTEXT.verify(password, stored or _decoy()))
