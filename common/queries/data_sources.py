"""Reading data sources: those somebody may use. Passwords are never read here."""

from collections.abc import Collection

from sqlalchemy import Select, func, or_, select

from common.db.models import DataSource, User, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.queries.visibility import may_use

D = table_of(DataSource)
U = table_of(User)


def _shown() -> Select[*tuple[object, ...]]:
    open_ones = [column for column in D.c if column.name != "sealed"]
    has_password = (D.c.sealed != "").label("has_password")
    return select(*open_ones, has_password, U.c.username.label("owner")).outerjoin(U, U.c.id == D.c.owner_id)


async def by_id(session: ReadSession, data_source_id: int) -> Record | None:
    """One data source that the reader may use."""
    found = await session.execute(_shown().where(D.c.id == data_source_id, may_use(session.actor, D)))
    return found.one_or_none()


async def by_name(session: ReadSession, name: str) -> list[Record]:
    """The data sources of this name that the reader may use."""
    found = await session.execute(_shown().where(D.c.name == name, may_use(session.actor, D)).order_by(D.c.id))
    return list(found)


async def sealed(session: ReadSession, data_source_id: int) -> str:
    """The sealed password of one that the reader may use; empty where there is none."""
    mine = [D.c.id == data_source_id, may_use(session.actor, D)]
    found: str | None = await session.scalar(select(D.c.sealed).where(*mine))
    return found or ""


async def page(
    session: ReadSession, *, search: str = "", kind: str = "", page: int = 1, page_size: int = 50
) -> tuple[list[Record], int]:
    """One page of the data sources that the reader may use, by name, and how many there are."""
    where = [may_use(session.actor, D)]
    if kind:
        where.append(D.c.kind == kind)
    if search:
        columns = (D.c.name, D.c.description, D.c.host, D.c.database)
        where.append(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    total = await session.scalar(select(func.count()).select_from(D).where(*where))
    rows = await session.execute(
        _shown().where(*where).order_by(D.c.name, D.c.id).limit(page_size).offset((page - 1) * page_size)
    )
    return list(rows), total or 0


async def choices(session: ReadSession) -> list[Record]:
    """What the reader may give to a task: id, name, kind, owner; by name."""
    rows = await session.execute(
        select(D.c.id, D.c.name, D.c.kind, U.c.username.label("owner"))
        .outerjoin(U, U.c.id == D.c.owner_id)
        .where(may_use(session.actor, D))
        .order_by(D.c.name, D.c.id)
        .limit(500)
    )
    return list(rows)


async def usable(session: ReadSession, ids: Collection[int]) -> set[int]:
    """Those of `ids` that the reader may give to tasks."""
    if not ids:
        return set()
    return set(await session.scalars(select(D.c.id).where(D.c.id.in_(ids), may_use(session.actor, D))))
