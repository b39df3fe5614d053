"""What earlier runs of a task have reported, to compare a new one with."""

from typing import Any

from sqlalchemy import select

from common.db.models import Execution, table_of
from common.db.session import ReadSession
from common.domain.states import Status

E = table_of(Execution)
#: Newest executions that are looked at, and how many of those that succeeded are compared with.
_LOOKED_AT, _COMPARED = 50, 10


async def of_task(session: ReadSession, task_id: int) -> list[dict[str, int]]:
    """Rows and bytes (`rows`, `size`) of the newest successful runs that say both, the newest first."""
    newest = select(E.c.id).where(E.c.task_id == task_id).order_by(E.c.id.desc()).limit(_LOOKED_AT).subquery()
    reports = await session.scalars(
        select(E.c.report)
        .join(newest, newest.c.id == E.c.id)
        .where(E.c.status == Status.SUCCESS)
        .order_by(E.c.id.desc())
        .limit(_COMPARED)
    )
    return [found for report in reports if (found := _numbers(report)) is not None]


def _numbers(report: Any) -> dict[str, int] | None:
    """What programs write is not trusted: numbers, or nothing."""
    result = report.get("result") if isinstance(report, dict) else None
    if not isinstance(result, dict):
        return None
    rows, size = result.get("rows"), result.get("size", 0)
    if isinstance(rows, bool) or isinstance(size, bool) or not (isinstance(rows, int) and isinstance(size, int)):
        return None
    return {"rows": rows, "size": size}
