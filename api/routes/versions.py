"""Versions of tasks: what each was from one change to the next, what differs, and going back to one."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import ReadDep, UserDep, WriteDep, WriteNow
from api.schemas.base import Page, PageNumber, PageSize, TaskId
from api.schemas.tasks import TaskOut
from api.schemas.versions import ChangeOut, VersionDiff, VersionHead, VersionOut
from common.domain.definition import changes
from common.queries import versions as queries
from common.services import definitions, tasks

router = APIRouter(tags=["versions"])
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.")]
_Against = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="The version to compare with; the one before when left out.")
]


@router.get("/tasks/{task_id}/versions")
async def list_versions(
    task_id: TaskId, session: ReadDep, page: PageNumber = 1, page_size: PageSize = 50
) -> Page[VersionHead]:
    """List the versions of a task, the newest first; the newest 200 are kept."""
    rows, total = await definitions.page(session, await tasks.get(session, task_id), number=page, size=page_size)
    items = [VersionHead.model_validate(row) for row in rows]
    return Page[VersionHead].of(items, total=total, page=page, page_size=page_size)


@router.get("/tasks/{task_id}/versions/{version}")
async def get_version(task_id: TaskId, version: Version, session: ReadDep) -> VersionOut:
    """One version of a task with all that it said."""
    task = await tasks.get(session, task_id)
    return VersionOut.model_validate(await definitions.get(session, task, version))


@router.get("/tasks/{task_id}/versions/{version}/diff")
async def diff_version(task_id: TaskId, version: Version, session: ReadDep, against: _Against = None) -> VersionDiff:
    """What differs between a version and another, by default the one before it."""
    task = await tasks.get(session, task_id)
    other = against or await queries.before(session, task_id, version) or version
    after = await definitions.get(session, task, version)
    before = await definitions.get(session, task, other)
    found = [ChangeOut.model_validate(each) for each in changes(before.definition, after.definition)]
    return VersionDiff(task_id=task_id, before=other, after=version, changes=found)


@router.post("/tasks/{task_id}/versions/{version}/restore")
async def restore_version(
    task_id: TaskId, version: Version, session: WriteDep, now: WriteNow, user: UserDep
) -> TaskOut:
    """Make the task what it was in that version, as a new version. Whether it is paused stays as it is."""
    await definitions.restore(session, task_id, version, now=now, by=user.username)
    return TaskOut.of(await tasks.view(session, task_id))
