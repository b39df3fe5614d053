"""Writing down who did what. An entry is part of the transaction of what it speaks of: both or neither.

Nothing here changes or deletes an entry; `scheduler.prune` deletes those past `ROTA_AUDIT_DAYS`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import insert

from common.db.session import Database, WriteSession
from common.db.types import Record
from common.domain.audit import DONE
from common.domain.permissions import Actor
from common.queries import audit as queries
from common.queries.audit import AuditQuery, L

Detail: TypeAlias = str | int | bool | Sequence[str] | Sequence[int] | None
_LONGEST = 300
_MOST = 50
#: Entries an export reads at a time.
_PIECE = 1000


@dataclass(frozen=True, slots=True)
class Thing:
    """What an entry is about: `kind` is "task", "execution", "calendar", "team", "user", "key"."""

    kind: str = ""
    id: int | str | None = None
    name: str = ""


NOTHING = Thing()


async def record(
    session: WriteSession,
    action: str,
    thing: Thing = NOTHING,
    *,
    now: datetime,
    outcome: str = DONE,
    details: Mapping[str, Detail] | None = None,
    actor: Actor | None = None,
) -> None:
    """Write an entry in the caller's transaction, by whom the session speaks for, unless `actor` says otherwise.

    `action` is one of `common.domain.audit.ACTIONS`. `details` hold names and numbers, never values that may be
    secret (a command, a variable, a password).
    """
    who = actor or session.actor
    row = {
        "at": now,
        "actor_id": who.user_id,
        "actor": who.name[:64],
        "via": who.via,
        "address": who.address[:64],
        "action": action,
        "object_kind": thing.kind,
        "object_id": "" if thing.id is None else str(thing.id)[:64],
        "object_name": thing.name[:200],
        "outcome": outcome,
        "details": {name: _short(value) for name, value in (details or {}).items()},
    }
    await session.execute(insert(L).values(**row))


def _short(value: Detail) -> Detail:
    if isinstance(value, str):
        return value[:_LONGEST]
    return [_short(each) for each in value[:_MOST]] if isinstance(value, Sequence) else value  # type: ignore[return-value]


async def every(database: Database, query: AuditQuery) -> AsyncIterator[list[Record]]:
    """All entries, the newest first, piece by piece; each piece is a transaction of its own, whoever reads slowly."""
    while True:
        async with database.read() as session:
            rows = await queries.page(session, query, limit=_PIECE)
        if rows:
            yield rows
        if len(rows) < _PIECE:
            return
        query = replace(query, before=rows[-1].id)
