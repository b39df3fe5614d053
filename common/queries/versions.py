"""Reading versions of tasks: lists never read definitions."""

from sqlalchemy import func, select

from common.db.models import TaskVersion, table_of
from common.db.session import ReadSession
from common.db.types import Record

V = table_of(TaskVersion)
_HEAD = (V.c.version, V.c.at, V.c.author, V.c.fields)


async def page(session: ReadSession, task_id: int, *, number: int, size: int) -> tuple[list[Record], int]:
    """A page of versions without their definitions, the newest first; and how many there are."""
    total = await session.scalar(select(func.count()).select_from(V).where(V.c.task_id == task_id))
    rows = await session.execute(
        select(*_HEAD)
        .where(V.c.task_id == task_id)
        .order_by(V.c.version.desc())
        .limit(size)
        .offset((number - 1) * size)
    )
    return list(rows), total or 0


async def one(session: ReadSession, task_id: int, version: int) -> Record | None:
    """One version with its definition; None when it is not kept."""
    rows = await session.execute(select(*_HEAD, V.c.definition).where(V.c.task_id == task_id, V.c.version == version))
    return rows.first()


async def before(session: ReadSession, task_id: int, version: int) -> int | None:
    """The number of the version before this one that is still kept."""
    found: int | None = await session.scalar(
        select(func.max(V.c.version)).where(V.c.task_id == task_id, V.c.version < version)
    )
    return found


async def between(session: ReadSession, task_id: int, after: int, until: int) -> list[Record]:
    """The versions after one and up to another, the newest first."""
    rows = await session.execute(
        select(*_HEAD)
        .where(V.c.task_id == task_id, V.c.version > after, V.c.version <= until)
        .order_by(V.c.version.desc())
    )
    return list(rows)
