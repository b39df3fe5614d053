"""What a task was and is: its versions, one of them, and going back to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from common.db.models import Task
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import Right
from common.errors import NotFound
from common.queries import versions as queries
from common.services import schedules, tasks
from common.services.inputs import TaskPatch


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its number, since when, by whom ("" where nobody knows), which fields differ from the one before."""

    version: int
    at: datetime
    author: str
    fields: list[str]


@dataclass(frozen=True, slots=True)
class Definition(Version):
    """A version with all that it said."""

    definition: dict[str, Any]


async def page(session: ReadSession, task: Task, *, number: int, size: int) -> tuple[list[Version], int]:
    """A page of the task's versions, the newest first, and how many there are.

    A task older than versions, and not changed since, has the one that it is.
    """
    assert task.id is not None
    rows, total = await queries.page(session, task.id, number=number, size=size)
    if not total:
        return ([Version(task.version, task.created_at, "", [])] if number == 1 else []), 1
    return [Version(row.version, row.at, row.author, row.fields) for row in rows], total


async def get(session: ReadSession, task: Task, version: int) -> Definition:
    """One version of a task with all that it said; raises NotFound."""
    assert task.id is not None
    row = await queries.one(session, task.id, version)
    if row is not None:
        return Definition(row.version, row.at, row.author, row.fields, row.definition)
    if version == task.version:
        now = tasks.definition(task, await schedules.of_task(session, task.id))
        return Definition(version, task.created_at, "", [], now)
    raise NotFound("There is no version {version} of this task, or it is not kept any more.", version=version)


async def restore(session: WriteSession, task_id: int, version: int, *, now: datetime, by: str = "") -> Task:
    """Make the task what it was in `version`, as a new version; whether it is paused stays as it is.

    Raises NotFound, Forbidden, and Invalid where what it was is refused today.
    """
    found = await get(session, await tasks.get(session, task_id, Right.EDIT), version)
    try:
        patch = TaskPatch.model_validate(found.definition)
    except ValidationError as error:
        raise tasks.invalid(error) from None
    return await tasks.update(session, task_id, patch, now=now, by=by)
