"""Tags of many tasks: given and taken one by one, whatever else each task has."""

from collections.abc import Collection, Sequence
from datetime import datetime

from common.db.session import WriteSession
from common.domain.permissions import Right
from common.errors import Invalid
from common.i18n import N_
from common.services import schedules, tasks
from common.services.inputs import TaskPatch

#: As many as a task may have.
MOST = 20


async def change(
    session: WriteSession, task_id: int, *, add: Sequence[str] = (), remove: Collection[str] = (), now: datetime
) -> bool:
    """Give tags to a task and take others away; returns whether it was another task before.

    Raises NotFound, Forbidden, Invalid. Locked in the order of every change: two at once both count.
    """
    await schedules.lock(session, [task_id])
    task = await tasks.lock_one(session, task_id, Right.EDIT)
    wanted = list(dict.fromkeys([*(tag for tag in task.tags if tag not in remove), *add]))
    if wanted == task.tags:
        return False
    if len(wanted) > MOST:
        raise Invalid(N_("{name} would have more than {most} tags."), field="add", name=task.name, most=MOST)
    await tasks.update(session, task_id, TaskPatch(tags=wanted), now=now)
    return True
