"""How many tasks start together: a pile-up that one spreads."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from common.db.models import Schedule, Task, table_of
from common.db.session import ReadSession
from common.queries.visibility import listed

S = table_of(Schedule)
T = table_of(Task)


async def beside(session: ReadSession, instant: datetime, *, but: int | None = None) -> int:
    """How many other tasks that they may see have their next run in the minute of `instant`, and are not spread."""
    minute = instant.replace(second=0, microsecond=0)
    found = await session.scalar(
        select(func.count(S.c.task_id.distinct()))
        .join(T, T.c.id == S.c.task_id)
        .where(
            S.c.next_run_at >= minute,
            S.c.next_run_at < minute + timedelta(minutes=1),
            S.c.jitter < 60,
            S.c.task_id != (but or 0),
            T.c.deleted_at.is_(None),
            T.c.enabled.is_(True),
            listed(session),
        )
    )
    return found or 0
