"""API keys: 256 random bits, shown once, of which a digest is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, func, select, update

from common.db.models import ApiKey, User, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import SCOPES, scopes_of
from common.errors import Conflict, Invalid, NotFound
from common.security import tokens
from common.services import audit
from common.services.audit import Thing
from common.services.inputs import Name, Time
from common.services.signin import SEEN_EVERY, stale

K = table_of(ApiKey)
U = table_of(User)
#: What every key begins with, so that people and scanners of leaked secrets know one.
PREFIX = "rota_"
_SHOWN = 12
_MOST = 100

Scope = Literal["read", "run", "write", "admin"]


class KeyInput(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[Name, Field(max_length=100)] = Field(examples=["nightly deploy"])
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=10,
        description="`read`: look; `run`: run and stop tasks; `write`: create, change, delete; `admin`: administer.",
    )
    expires_at: Time | None = Field(None, description="It is good for nothing afterwards; for ever when left out.")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key that came with a request: whose it is, what it may be used for, whether it is time to note its use."""

    key_id: int
    user: User
    scopes: frozenset[str]
    unseen: bool


async def create(session: WriteSession, user: User, data: KeyInput, *, now: datetime) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can see again; raises Invalid, or Conflict when there are too many."""
    assert user.id is not None
    beyond = set(data.scopes) - set(scopes_of(user.role))
    if beyond:
        names = ", ".join(scope for scope in SCOPES if scope in beyond)
        raise Invalid("Your role does not have these rights itself: {scopes}.", field="scopes", scopes=names)
    if data.expires_at is not None and data.expires_at <= now:
        raise Invalid("Must lie in the future.", field="expires_at")
    count = await session.scalar(select(func.count()).select_from(K).where(K.c.user_id == user.id))
    if (count or 0) >= _MOST:
        raise Conflict("You have {count} keys. Delete those you do not use.", count=_MOST)
    text = PREFIX + tokens.opaque()
    row = ApiKey(
        user_id=user.id,
        name=data.name,
        prefix=text[:_SHOWN],
        key_hash=tokens.digest(text),
        scopes=" ".join(scope for scope in SCOPES if scope in data.scopes),
        created_at=now,
        expires_at=data.expires_at,
    )
    session.add(row)
    await session.flush()
    details = {"owner": user.username, "scopes": row.scopes}
    await audit.record(session, "key.create", Thing("key", row.id, row.name), now=now, details=details)
    return row, text


async def of_user(session: ReadSession, user_id: int) -> list[ApiKey]:
    """The keys of a user, the newest first."""
    rows = await session.scalars(select(ApiKey).where(K.c.user_id == user_id).order_by(K.c.id.desc()).limit(_MOST))
    return list(rows)


async def revoke(session: WriteSession, user_id: int, key_id: int, *, now: datetime) -> ApiKey:
    """Delete a key of this user; raises NotFound, for a key of somebody else too."""
    row: ApiKey | None = await session.scalar(select(ApiKey).where(K.c.id == key_id, K.c.user_id == user_id))
    if row is None:
        raise NotFound("There is no key {id}.", id=key_id)
    await session.execute(delete(K).where(K.c.id == key_id))
    await audit.record(session, "key.delete", Thing("key", key_id, row.name), now=now)
    return row


async def find(session: ReadSession, text: str, *, now: datetime) -> KeyUse | None:
    """What a key stands for; None when it is none, is over, or its owner is disabled."""
    if not text.startswith(PREFIX):
        return None
    found = await session.execute(
        select(User, K.c.id.label("key_id"), K.c.scopes, K.c.last_used_at)
        .join(K, K.c.user_id == U.c.id)
        .where(
            K.c.key_hash == tokens.digest(text),
            K.c.expires_at.is_(None) | (K.c.expires_at > now),
            U.c.is_active.is_(True),
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    user: User = row[0]
    return KeyUse(row.key_id, user, allowed(row.scopes.split(), user.role), stale(row.last_used_at, now))


def allowed(scopes: Iterable[str], role: str) -> frozenset[str]:
    """What is left of a key's scopes for its owner's role as it is now."""
    return frozenset(scopes) & frozenset(scopes_of(role))


async def used(session: WriteSession, key_id: int, *, now: datetime) -> None:
    """Note that a key was used; once a minute is enough, of several requests at once one writes."""
    await session.execute(
        update(K)
        .where(K.c.id == key_id, K.c.last_used_at.is_(None) | (K.c.last_used_at <= now - SEEN_EVERY))
        .values(last_used_at=now)
    )
