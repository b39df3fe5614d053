"""Passwords: argon2id through passlib (its maintained distribution, libpass)."""

import asyncio

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
#: Of a random password that nobody has; where there is no user, or no password, this is what a guess is held against.
_DECOY = "$argon2id$v=19$m=19456,t=2,p=1$hZBSSgmBUOqd816LUerdGw$kfR0TXPFusmaHGbGV0P7b+FSP+Cn5h/q+4z4HkXWb1U"
#: zxcvbn's "safely unguessable": 100 million guesses at least.
_GOOD_ENOUGH = 3
#: zxcvbn looks at no more.
_LOOKED_AT = 72


def check_rules(password: str, *, username: str = "", field: str = "password") -> None:
    """Raise Invalid when the password is too short, too long, easy to guess, or made of the user's own name."""
    if len(password) < MIN_LENGTH:
        raise Invalid("A password needs {count} characters at least.", field=field, count=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        raise Invalid("A password has {count} characters at most.", field=field, count=MAX_LENGTH)
    name = username.casefold()
    # Not even with a beginning or an end: the rest must be good by itself.
    rest = password.casefold().replace(name, "") if len(name) > 3 else password
    if len(rest) < 6 or not _hard_to_guess(password, username):
        raise Invalid("This password is too easy to guess. Take a longer one, several words for example.", field=field)


def _hard_to_guess(password: str, username: str) -> bool:
    from zxcvbn import zxcvbn  # 50 ms and a megabyte of words: for those who choose a password only

    found = zxcvbn(password[:_LOOKED_AT], user_inputs=[username, "rota"])
    return bool(found["score"] >= _GOOD_ENOUGH)


async def hash_password(password: str) -> str:
    """The hash to store. Takes 30 ms and its turn: never call it with a transaction or a connection in hand."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_CONTEXT.hash, password)


async def verify(password: str, stored: str | None) -> bool:
    """Whether the password is the one stored. None or "" (no such user, no password) costs the same, and is False."""
    async with _AT_ONCE:
        good = await asyncio.to_thread(_CONTEXT.verify, password[: MAX_LENGTH + 1], stored or _DECOY)
    return bool(good) and bool(stored) and len(password) <= MAX_LENGTH
