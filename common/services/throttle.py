"""Slowing down those who guess: tries are counted in the database, so that several api processes count as one.

A try is taken before the work and given back when it was a good one: a thousand guesses at once get no further than
one after the other (ADR 0014).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from common.clock import Clock
from common.db.models import Throttle, table_of
from common.db.session import Database, ReadSession, WriteSession
from common.domain.allowance import Allowance
from common.errors import TooManyRequests
from common.i18n import N_

T = table_of(Throttle)

#: Guesses at one account by those who never signed in to it from where they are: ten, then one a minute.
ACCOUNT = Allowance(10, 60)
#: The same from a browser that signed in to it before; a stranger cannot use these up.
DEVICE = Allowance(10, 60)
#: Guesses at any account from one address: an office may share it.
ADDRESS = Allowance(30, 15)
#: Codes of the second factor, by somebody who knows the password.
CODE = Allowance(5, 60)
#: Own password, asked for again before something important.
OWN_PASSWORD = Allowance(10, 60)
#: Registrations from one address.
REGISTRATION = Allowance(10, 360)


@dataclass(frozen=True, slots=True)
class Limit:
    """An allowance of something: an account, an address."""

    key: str
    allowance: Allowance


def limit(kind: str, of: object, allowance: Allowance) -> Limit:
    """The allowance of `of`; a digest of it is stored, since it may be anything that somebody typed."""
    return Limit(f"{kind}:{hashlib.sha256(str(of).encode('utf-8', 'replace')).hexdigest()}", allowance)


def network(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, which one customer has at least."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address


async def take(database: Database, clock: Clock, limits: Sequence[Limit]) -> None:
    """Take one try of each limit, or of none; raises TooManyRequests that says how long to wait.

    Whoever is out of tries costs a read and no write: a flood does not keep others from writing.
    """
    async with database.read() as session:
        _refuse(limits, await _used(session, limits), await clock.now(session))

    async def work(session: WriteSession) -> None:
        now = await clock.now(session)
        used = await _locked(session, limits, now)
        _refuse(limits, used, now)
        for each in limits:
            await _set(session, each, each.allowance.taken(used[each.key], now))

    await database.transact(work)


async def give_back(session: WriteSession, limits: Sequence[Limit]) -> None:
    """The try did not count after all."""
    for key, until in sorted((await _used(session, limits, lock=True)).items()):
        each = next(one for one in limits if one.key == key)
        await _set(session, each, each.allowance.given_back(until))


def _refuse(limits: Sequence[Limit], used: Mapping[str, datetime], now: datetime) -> None:
    wait = max((each.allowance.wait(used.get(each.key), now) for each in limits), default=0)
    if wait:
        raise TooManyRequests(N_("Too many tries. Wait {retry_after} seconds, then try again."), retry_after=wait)


async def _used(session: ReadSession, limits: Sequence[Limit], *, lock: bool = False) -> dict[str, datetime]:
    statement = select(T.c.key, T.c.used_until).where(T.c.key.in_([each.key for each in limits])).order_by(T.c.key)
    rows = await session.execute(statement.with_for_update() if lock else statement)
    return {row.key: row.used_until for row in rows}


async def _locked(session: WriteSession, limits: Sequence[Limit], now: datetime) -> dict[str, datetime]:
    """The rows of all limits, locked; those that are missing are made."""
    used = await _used(session, limits, lock=True)
    missing = sorted({each.key for each in limits} - used.keys())
    for key in missing:
        try:
            async with session.begin_nested():
                await session.execute(insert(T).values(key=key, used_until=now))
        except IntegrityError:  # somebody else has just made it
            continue
    return await _used(session, limits, lock=True) if missing else used


async def _set(session: WriteSession, each: Limit, until: datetime) -> None:
    await session.execute(update(T).where(T.c.key == each.key).values(used_until=until))


async def forget_full(session: WriteSession, *, now: datetime) -> None:
    """Delete what has filled up again: a missing row means the same."""
    await session.execute(delete(T).where(T.c.used_until < now))
