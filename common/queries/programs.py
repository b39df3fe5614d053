"""Reading programs: those somebody may use, their versions, and the tasks that run them."""

from collections.abc import Collection

from sqlalchemy import Select, func, or_, select

from common.db.models import Program, ProgramVersion, User, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.queries.visibility import may_use

P = table_of(Program)
N = table_of(ProgramVersion)
U = table_of(User)


def _shown() -> Select[*tuple[object, ...]]:
    newest = (N.c.program_id == P.c.id) & (N.c.number == P.c.version)
    return select(P, U.c.username.label("owner"), N.c.size).outerjoin(U, U.c.id == P.c.owner_id).join(N, newest)


async def by_id(session: ReadSession, program_id: int) -> Record | None:
    """One program that the reader may use."""
    found = await session.execute(_shown().where(P.c.id == program_id, may_use(session.actor, P)))
    return found.one_or_none()


async def by_name(session: ReadSession, scope: str, name: str) -> int | None:
    """Id of the program of this name in this scope, if the reader may use it."""
    found: int | None = await session.scalar(
        select(P.c.id).where(P.c.scope == scope, P.c.name == name, may_use(session.actor, P))
    )
    return found


async def page(
    session: ReadSession, *, search: str = "", page: int = 1, page_size: int = 50
) -> tuple[list[Record], int]:
    """One page of the programs that the reader may use, by name, and how many there are."""
    where = [may_use(session.actor, P)]
    if search:
        columns = (P.c.name, P.c.description)
        where.append(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    total = await session.scalar(select(func.count()).select_from(P).where(*where))
    rows = await session.execute(
        _shown().where(*where).order_by(P.c.name, P.c.id).limit(page_size).offset((page - 1) * page_size)
    )
    return list(rows), total or 0


async def version(session: ReadSession, program_id: int, number: int) -> Record | None:
    """One version with its source."""
    found = await session.execute(select(N).where(N.c.program_id == program_id, N.c.number == number))
    return found.one_or_none()


async def versions(
    session: ReadSession, program_id: int, *, page: int = 1, page_size: int = 50
) -> tuple[list[Record], int]:
    """One page of the versions without their sources, the newest first, and how many there are."""
    where = N.c.program_id == program_id
    columns = [column for column in N.c if column.name != "source"]
    total = await session.scalar(select(func.count()).select_from(N).where(where))
    rows = await session.execute(
        select(*columns).where(where).order_by(N.c.number.desc()).limit(page_size).offset((page - 1) * page_size)
    )
    return list(rows), total or 0


async def usable(session: ReadSession, ids: Collection[int]) -> set[int]:
    """Those of `ids` that the reader may give to tasks."""
    found = await session.scalars(select(P.c.id).where(P.c.id.in_(ids), may_use(session.actor, P)))
    return set(found) if ids else set()
