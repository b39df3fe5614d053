"""Writing versions of tasks: what each was from one change to the next. `services.definitions` reads them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert

from common.db.models import Task
from common.db.session import WriteSession
from common.domain import definition as rules
from common.queries import versions as queries
from common.queries.versions import V

#: Versions kept of a task.
KEPT = 200


async def first(session: WriteSession, task: Task, definition: Mapping[str, Any], *, now: datetime) -> None:
    """Note what a new task is."""
    await _write(session, task, definition, [], author=session.actor.name, at=now)


async def follow(
    session: WriteSession, task: Task, before: Mapping[str, Any], after: Mapping[str, Any], *, now: datetime
) -> list[str]:
    """Note a change, as the next version of the task, which must be locked; returns the names of what changed.

    Where nothing differs there is no new version. A task older than versions gets its first one now.
    """
    fields = list(dict.fromkeys(change.field.partition(".")[0] for change in rules.changes(before, after)))
    if not fields:
        return []
    assert task.id is not None
    if await queries.one(session, task.id, task.version) is None:
        await _write(session, task, before, [], author="", at=task.created_at)
    task.version += 1
    await _write(session, task, after, fields, author=session.actor.name, at=now)
    await session.execute(delete(V).where(V.c.task_id == task.id, V.c.version <= task.version - KEPT))
    return fields


async def _write(
    session: WriteSession, task: Task, definition: Mapping[str, Any], fields: list[str], *, author: str, at: datetime
) -> None:
    row = {"task_id": task.id, "version": task.version, "at": at, "author": author[:64]}
    await session.execute(insert(V).values(**row, fields=fields, definition=dict(definition)))
