"""Hashes as they are made outside tests: what guessing one costs, and that a user who is not there costs as much."""

import pytest

from common.security import passwords

pytestmark = pytest.mark.usefixtures("real_passwords")
COST = "$argon2id$v=19$m=19456,t=2,p=1$"
PASSWORD = "correct horse battery staple"


async def test_a_hash_is_argon2id_with_the_memory_and_rounds_that_owasp_names() -> None:
    first, second = [await passwords.hash_password(PASSWORD) for _ in range(2)]
    assert first.startswith(COST)
    assert first != second, "each has a salt of its own"
    assert await passwords.verify(PASSWORD, first)
    assert not await passwords.verify(f"{PASSWORD} ", first)


@pytest.mark.parametrize("stored", [None, ""])
async def test_nobodys_password_is_held_against_a_hash_of_the_same_cost(
    stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def verify(password: str, against: str) -> bool:
        seen.append(against)
        return True

    monkeypatch.setattr(passwords._CONTEXT, "verify", verify)
    assert not await passwords.verify(PASSWORD, stored)
    assert [against.startswith(COST) for against in seen] == [True]
