"""Reading the audit log: newest first, paged by id, so that a page costs the same however far back it is."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from common.db.models import Audit, table_of
from common.db.session import ReadSession
from common.db.types import Record

L = table_of(Audit)


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What a list shows; both ends of the time are inclusive, `before` is the id to go on from."""

    actor: str = ""
    action: str = ""
    object_kind: str = ""
    object_id: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    names = ("actor", "action", "object_kind", "object_id", "outcome")
    found = [L.c[name] == getattr(query, name) for name in names if getattr(query, name)]
    if query.since is not None:
        found.append(L.c.at >= query.since)
    if query.until is not None:
        found.append(L.c.at <= query.until)
    if query.before is not None:
        found.append(L.c.id < query.before)
    return found


async def page(session: ReadSession, query: AuditQuery, *, limit: int) -> list[Record]:
    """The newest `limit` entries."""
    rows = await session.execute(select(*L.c).where(*_conditions(query)).order_by(L.c.id.desc()).limit(limit))
    return list(rows)
