"""Reading uploads: those somebody may use, and the newest files of tasks, which imports read as well."""

from collections.abc import Collection

from sqlalchemy import Select, func, literal, or_, select

from common.clock import Clock
from common.db.models import Artifact, Execution, Task, Upload, User, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.states import Status
from common.queries.visibility import listed, may_use

P = table_of(Upload)
R = table_of(Artifact)
E = table_of(Execution)
T = table_of(Task)
U = table_of(User)
#: What an import can read, by the end of its name.
READABLE = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".csv", ".tsv", ".txt")


def _shown() -> Select[*tuple[object, ...]]:
    kind = literal("application/octet-stream").label("media_type")  # whatever it is called: nobody opens it by that
    return select(P, kind, U.c.username.label("owner")).outerjoin(U, U.c.id == P.c.owner_id)


async def by_id(session: ReadSession, upload_id: int) -> Record | None:
    """One upload that the reader may use."""
    found = await session.execute(_shown().where(P.c.id == upload_id, may_use(session.actor, P)))
    return found.one_or_none()


async def page(
    session: ReadSession, *, search: str = "", page: int = 1, page_size: int = 50
) -> tuple[list[Record], int]:
    """One page of the uploads that the reader may use, the newest first, and how many there are."""
    where = [may_use(session.actor, P)]
    if search:
        where.append(P.c.name.icontains(search, autoescape=True))
    total = await session.scalar(select(func.count()).select_from(P).where(*where))
    rows = await session.execute(
        _shown().where(*where).order_by(P.c.id.desc()).limit(page_size).offset((page - 1) * page_size)
    )
    return list(rows), total or 0


async def usable(session: ReadSession, ids: Collection[int]) -> set[int]:
    """Those of `ids` that the reader may give to tasks."""
    if not ids:
        return set()
    return set(await session.scalars(select(P.c.id).where(P.c.id.in_(ids), may_use(session.actor, P))))


async def usable_tasks(session: ReadSession, ids: Collection[int]) -> set[int]:
    """Those tasks of `ids` whose files the reader may have."""
    if not ids:
        return set()
    return set(await session.scalars(select(T.c.id).where(T.c.id.in_(ids), T.c.deleted_at.is_(None), listed(session))))


async def stored(session: ReadSession, ids: Collection[int]) -> dict[int, Record]:
    """Name and place in the store of these uploads, whoever asks."""
    rows = await session.execute(select(P.c.id, P.c.name, P.c.store_key).where(P.c.id.in_(sorted(ids))))
    return {row.id: row for row in rows}


async def newest_files(session: ReadSession, task_ids: Collection[int]) -> dict[int, Record]:
    """Of each task the first file that can be imported of its newest successful execution that left one."""
    found: dict[int, Record] = {}
    now = await Clock().now(session)
    for task_id in sorted(task_ids):
        row = (
            await session.execute(
                select(R.c.name, R.c.store_key)
                .join(E, E.c.id == R.c.execution_id)
                .where(
                    R.c.task_id == task_id,
                    E.c.status == Status.SUCCESS,
                    R.c.expires_at > now,
                    or_(*(func.lower(R.c.name).like(f"%{end}") for end in READABLE)),
                )
                .order_by(R.c.execution_id.desc(), R.c.id)
                .limit(1)
            )
        ).first()
        if row is not None:
            found[task_id] = row
    return found
