"""Lists of people."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from common.db.models import User, table_of
from common.db.session import ReadSession

U = table_of(User)


@dataclass(frozen=True, slots=True)
class UserQuery:
    """What a list of users shows."""

    search: str = ""
    role: str = ""
    is_active: bool | None = None
    page: int = 1
    page_size: int = 50


def _conditions(query: UserQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.search:
        columns = (U.c.username, U.c.display_name, U.c.email)
        found.append(or_(*(column.icontains(query.search, autoescape=True) for column in columns)))
    if query.role:
        found.append(U.c.role == query.role)
    if query.is_active is not None:
        found.append(U.c.is_active.is_(query.is_active))
    return found


async def page(session: ReadSession, query: UserQuery) -> tuple[list[User], int]:
    """One page of users by name, and how many there are."""
    conditions = _conditions(query)
    total = await session.scalar(select(func.count()).select_from(U).where(*conditions))
    rows = await session.scalars(
        select(User)
        .where(*conditions)
        .order_by(U.c.username_key)
        .limit(query.page_size)
        .offset((query.page - 1) * query.page_size)
    )
    return list(rows), int(total or 0)
