"""Whom a task is shared with, and who owns it."""

from fastapi import APIRouter

from api.access import takes
from api.deps import ReadDep, WriteDep, WriteNow
from api.schemas.base import Answer, TaskId
from api.schemas.tasks import TaskOut
from common.domain.permissions import Right
from common.services import sharing, tasks
from common.services.sharing import OwnerInput, ShareRight, SharesInput

router = APIRouter(prefix="/tasks/{task_id}", tags=["sharing"])


class ShareOut(Answer):
    """What one user or one team may do with the task; the other of the two is null."""

    user: str | None
    team: str | None
    right: ShareRight


class SharingOut(Answer):
    """Who has a task; without an owner it is the administrators'."""

    task_id: int
    owner: str | None
    shares: list[ShareOut]


@router.get("/shares", openapi_extra=takes(Right.OWN))
async def get_shares(task_id: TaskId, session: ReadDep) -> SharingOut:
    """Whom the task is shared with; for its owner and administrators."""
    return SharingOut.model_validate(await sharing.of_task(session, task_id))


@router.put("/shares", openapi_extra=takes(Right.OWN))
async def put_shares(task_id: TaskId, data: SharesInput, session: WriteDep, now: WriteNow) -> SharingOut:
    """Share the task with these users and teams, and with nobody else."""
    return SharingOut.model_validate(await sharing.share(session, task_id, data, now=now))


@router.put("/owner", openapi_extra=takes(Right.OWN))
async def put_owner(task_id: TaskId, data: OwnerInput, session: WriteDep, now: WriteNow) -> TaskOut:
    """Give the task to somebody else. It is shared with you no more, unless you said so before."""
    view = await tasks.view(session, task_id)
    await sharing.give(session, task_id, data.owner, now=now)
    return TaskOut.of(view)
