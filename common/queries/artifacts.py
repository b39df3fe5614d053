"""Reading which files executions left: those on whose task the reader has a right, until they expire."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select

from common.db.models import Artifact, Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import Right
from common.queries.visibility import listed, permitted

R = table_of(Artifact)
T = table_of(Task)

#: Everything but what signs links.
_SHOWN = (*(column for column in R.c if column.name != "link_key"), (R.c.link_key != "").label("linked"))


@dataclass(frozen=True, slots=True)
class ArtifactQuery:
    """What a list of files shows, from the newest; `before` is the id at which the page before ended."""

    task_id: int | None = None
    search: str = ""
    before: int | None = None
    limit: int = 50


async def one(session: ReadSession, artifact_id: int, *, now: datetime, need: Right = Right.VIEW) -> Record | None:
    """One file with `task_name`; `allowed` is 1 where the reader has the right `need` on its task."""
    rows = await session.execute(
        select(*_SHOWN, T.c.name.label("task_name"), case((permitted(session, need), 1), else_=0).label("allowed"))
        .select_from(R.join(T, T.c.id == R.c.task_id))
        .where(R.c.id == artifact_id, R.c.expires_at > now, T.c.deleted_at.is_(None), permitted(session))
    )
    return rows.first()


async def of_execution(session: ReadSession, execution_id: int, *, now: datetime) -> list[Record]:
    """The files of one execution, which the reader may see, by name; of the attempts the last first."""
    rows = await session.execute(
        select(*_SHOWN)
        .where(R.c.execution_id == execution_id, R.c.expires_at > now)
        .order_by(R.c.token.desc(), R.c.name, R.c.id)
        .limit(500)
    )
    return list(rows)


async def page(session: ReadSession, query: ArtifactQuery, *, now: datetime) -> list[Record]:
    """A page of files, the newest first, with `task_name`."""
    where = _conditions(session, query, now)
    if query.before is not None:
        where.append(R.c.id < query.before)
    rows = await session.execute(
        select(*_SHOWN, T.c.name.label("task_name"))
        .select_from(R.join(T, T.c.id == R.c.task_id))
        .where(*where)
        .order_by(R.c.id.desc())
        .limit(query.limit)
    )
    return list(rows)


async def totals(session: ReadSession, query: ArtifactQuery, *, now: datetime) -> tuple[int, int]:
    """How many files the whole list has, and their bytes."""
    rows = await session.execute(
        select(func.count(), func.coalesce(func.sum(R.c.size), 0))
        .select_from(R.join(T, T.c.id == R.c.task_id))
        .where(*_conditions(session, query, now))
    )
    count, size = rows.one()
    return count, int(size)


def _conditions(session: ReadSession, query: ArtifactQuery, now: datetime) -> list[ColumnElement[bool]]:
    theirs = listed(session) if query.task_id is None else permitted(session)
    found = [R.c.expires_at > now, T.c.deleted_at.is_(None), theirs]
    if query.task_id is not None:
        found.append(R.c.task_id == query.task_id)
    if query.search:
        found.append(R.c.name.icontains(query.search, autoescape=True))
    return found


async def signed(session: ReadSession, artifact_id: int, *, now: datetime) -> Record | None:
    """A file with what signs its links, whoever asks; None where it has none."""
    rows = await session.execute(
        select(R)
        .join(T, T.c.id == R.c.task_id)
        .where(R.c.id == artifact_id, R.c.expires_at > now, T.c.deleted_at.is_(None), R.c.link_key != "")
    )
    return rows.first()
