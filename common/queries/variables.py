"""Reading variables: those somebody may use, and the tasks that use them. Values of secrets are never read here."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func, or_, select, true

from common.db.models import Task, User, Variable, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import sees_all
from common.domain.variables import EVERYONE, links, scope_of
from common.queries.visibility import listed, may_use

V = table_of(Variable)
T = table_of(Task)
U = table_of(User)

#: Everything but what a secret holds.
_SHOWN = (
    V.c.id,
    V.c.name,
    V.c.scope,
    V.c.owner_id,
    V.c.secret,
    V.c.value,
    V.c.description,
    V.c.created_at,
    V.c.updated_at,
    V.c.updated_by,
    U.c.username.label("owner"),
)


async def by_id(session: ReadSession, variable_id: int) -> Record | None:
    """One variable that the reader may use."""
    found = await session.execute(
        select(*_SHOWN).outerjoin(U, U.c.id == V.c.owner_id).where(V.c.id == variable_id, may_use(session.actor, V))
    )
    return found.one_or_none()


async def page(
    session: ReadSession, *, search: str = "", page: int = 1, page_size: int = 50
) -> tuple[list[Record], int]:
    """One page of the variables that the reader may use, by name, and how many there are."""
    where = [may_use(session.actor, V)]
    if search:
        where.append(
            or_(V.c.name.icontains(search, autoescape=True), V.c.description.icontains(search, autoescape=True))
        )
    total = await session.scalar(select(func.count()).select_from(V).where(*where))
    rows = await session.execute(
        select(*_SHOWN)
        .outerjoin(U, U.c.id == V.c.owner_id)
        .where(*where)
        .order_by(V.c.name, V.c.id)
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return list(rows), total or 0


async def existing(session: ReadSession, ids: Collection[int]) -> set[int]:
    """Those of `ids` that are there."""
    return set(await session.scalars(select(V.c.id).where(V.c.id.in_(ids)))) if ids else set()


async def changed_between(session: ReadSession, ids: Collection[int], since: datetime, until: datetime) -> list[Record]:
    """Those of `ids` that were changed in this time: name, updated_at, updated_by; never what is in them."""
    if not ids:
        return []
    rows = await session.execute(
        select(V.c.name, V.c.updated_at, V.c.updated_by)
        .where(V.c.id.in_(ids), V.c.updated_at > since, V.c.updated_at <= until)
        .order_by(V.c.name)
    )
    return list(rows)


async def named(session: ReadSession, names: Collection[str], *, owner_id: int | None) -> dict[str, int]:
    """The variables that the reader means by these names: their own, else everyone's, else (for an administrator)
    those of `owner_id`."""
    if not names:
        return {}
    actor = session.actor
    order = [scope_of(actor.user_id)] if actor.user_id is not None else []
    order += [EVERYONE, *([scope_of(owner_id)] if sees_all(actor) else [])]
    rows = await session.execute(
        select(V.c.id, V.c.name, V.c.scope).where(V.c.name.in_(names), V.c.scope.in_(order), may_use(actor, V))
    )
    best = sorted(rows, key=lambda row: order.index(row.scope), reverse=True)
    return {row.name: row.id for row in best}


async def choices(session: ReadSession) -> Sequence[str]:
    """The names that the reader may give to a task, sorted."""
    own = [EVERYONE] if session.actor.user_id is None else [EVERYONE, scope_of(session.actor.user_id)]
    rows = await session.scalars(
        select(V.c.name).where(V.c.scope.in_(own), may_use(session.actor, V)).distinct().order_by(V.c.name).limit(500)
    )
    return list(rows)


async def users_of(session: ReadSession) -> dict[int, list[Record]]:
    """The tasks (id, name, spec) that use each variable, and that the reader may see."""
    return await _users_of(session, listed(session))


async def count_users(session: ReadSession, variable_id: int) -> int:
    """How many tasks use a variable, seen or not."""
    return len((await _users_of(session, true())).get(variable_id, []))


async def _users_of(session: ReadSession, seen: ColumnElement[bool]) -> dict[int, list[Record]]:
    """Reads the tasks that use any variable, and no others."""
    rows = await session.execute(
        select(T.c.id, T.c.name, T.c.spec)
        .where(T.c.deleted_at.is_(None), cast(T.c.spec, String).contains('"variables"', autoescape=True), seen)
        .order_by(T.c.name, T.c.id)
    )
    found: dict[int, list[Record]] = {}
    for row in rows:
        for variable_id, _ in links(row.spec):
            found.setdefault(variable_id, []).append(row)
    return found
