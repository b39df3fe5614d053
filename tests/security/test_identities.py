"""Whose account an identity is, on every database: two who come at once, capitals, and what is deleted with a user."""

import asyncio

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError

from common.db.models import Audit, User, UserIdentity, table_of
from common.db.session import Database
from common.domain.identity import Admission, Identity
from common.errors import Conflict, DomainError, Forbidden, NotFound
from common.services import identities, users
from tests.support.world import NOW

U, I = table_of(User), table_of(UserIdentity)  # noqa: E741
LIN = Identity("https://id.example.com", "Abc", email="lin@example.com", username="lin")
OPEN = Admission(registration=True)


async def comes(database: Database, identity: Identity = LIN, admission: Admission = OPEN) -> int:
    async with database.write() as session:
        user = await identities.account_of(session, identity, admission, now=NOW)
    assert user.id is not None
    return user.id


async def count(database: Database, table: type[User] | type[UserIdentity]) -> int:
    async with database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


async def test_of_several_first_sign_ins_at_once_one_makes_the_account(database: Database) -> None:
    got = await asyncio.gather(*(comes(database) for _ in range(6)), return_exceptions=True)
    assert not [each for each in got if not isinstance(each, int | DomainError | DBAPIError)], got
    assert len({each for each in got if isinstance(each, int)}) == 1
    assert (await count(database, User), await count(database, UserIdentity)) == (1, 1)
    assert await comes(database) in got


async def test_a_subject_in_other_letters_is_somebody_else(database: Database) -> None:
    first = await comes(database)
    second = await comes(database, Identity(LIN.issuer, "abc", username="lin"))
    third = await comes(database, Identity("https://other.example.com", "Abc", username="lin"))
    assert len({first, second, third}) == 3


async def test_an_address_connects_whatever_its_capitals_and_goes_with_the_user(database: Database) -> None:
    async with database.write() as session:
        user = await users.store(session, "yue", "", role="operator", now=NOW, email="LIN@Example.com")
    assert await comes(database, admission=Admission()) == user.id
    async with database.write() as session:
        assert await identities.disconnect(session, user.id or 0, now=NOW) == 1
    assert await comes(database, admission=Admission()) == user.id
    async with database.write() as session:
        await users.remove(session, user.id or 0, now=NOW)
    assert await count(database, UserIdentity) == 0
    with pytest.raises(Forbidden):
        await comes(database, admission=Admission())


async def test_the_only_way_in_stays_and_one_s_own_alone_goes(database: Database) -> None:
    old = Identity("https://old.example.com", "1", username="yue")
    user, other = await comes(database, old), await comes(database)
    async with database.read() as session:
        (mine,), (theirs,) = [await identities.identities_of(session, each) for each in (user, other)]

    async def leaves(identity_id: int | None, issuer: str) -> None:
        async with database.write() as session:
            await identities.disconnect_one(session, user, identity_id or 0, issuer=issuer, but="", now=NOW)

    with pytest.raises(NotFound):
        await leaves(theirs.id, LIN.issuer)
    with pytest.raises(Conflict):
        await leaves(mine.id, old.issuer)
    async with database.write() as session:
        await session.execute(
            insert(I).values(user_id=user, issuer=LIN.issuer, subject="2", created_at=NOW, last_login_at=NOW)
        )
    with pytest.raises(Conflict):
        await leaves(mine.id, "https://third.example.com")
    await leaves(mine.id, LIN.issuer)
    async with database.read() as session:
        left = await identities.identities_of(session, user)
        told = list(await session.scalars(select(Audit).where(table_of(Audit).c.action == "user.disconnect")))
    assert [each.issuer for each in left] == [LIN.issuer]
    assert [each.details for each in told] == [{"issuer": old.issuer}]
    gone = await asyncio.gather(*(leaves(left[0].id, LIN.issuer) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(each, Conflict) for each in gone), "of the last two ways in one stays"
