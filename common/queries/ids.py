"""From when on, said as an id: ids of executions grow with time, so every index that ends in the id leads there."""

from datetime import datetime

from sqlalchemy import func, select

from common.db.models import Execution, table_of
from common.db.session import ReadSession

E = table_of(Execution)
#: So many of those that ended first are looked at: ids of what went on at the same time are not quite in order.
_LOOKED_AT = 1_000
NOTHING = 2**63 - 1


async def from_about(session: ReadSession, since: datetime) -> int:
    """About the first id of what was made since then; NOTHING where nothing has ended since.

    Of what went on for much longer than others when `since` came the id may be below.
    """
    ended = select(E.c.id).where(E.c.finished_at >= since).order_by(E.c.finished_at).limit(_LOOKED_AT).subquery()
    first: int | None = await session.scalar(select(func.min(ended.c.id)))
    return NOTHING if first is None else first


async def before(session: ReadSession, instant: datetime) -> int:
    """An id above which everything is that was made from then on; 0 where nothing had ended by then."""
    ended = select(E.c.id).where(E.c.finished_at < instant).order_by(E.c.finished_at.desc()).limit(1)
    return await session.scalar(ended) or 0


async def until_about(session: ReadSession, until: datetime) -> int:
    """About the last id of what was made by then; NOTHING, which is above all, where nothing has ended since."""
    ended = select(E.c.id).where(E.c.finished_at >= until).order_by(E.c.finished_at).limit(_LOOKED_AT).subquery()
    last: int | None = await session.scalar(select(func.max(ended.c.id)))
    return NOTHING if last is None else last
