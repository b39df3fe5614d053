"""The settings Rota runs with, and what it keeps."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.access import FOR_ADMINISTRATORS, administrators
from api.deps import MemoryDep, ReadDep, ReadNow, SettingsDep
from api.schemas.base import Answer
from common.services import effective, storage

router = APIRouter(tags=["status"])
administration = APIRouter(tags=["status"], dependencies=[administrators])


class SettingOut(Answer):
    """A setting of the web server. The value of a secret is never told: `is_set` says whether there is one."""

    name: str
    value: str | None
    is_set: bool
    secret: bool
    source: Literal["environment", "file", "default"]
    description: str


@administration.get("/settings", openapi_extra=FOR_ADMINISTRATORS)
async def list_settings(settings: SettingsDep) -> list[SettingOut]:
    """The settings that the web server runs with, and where each comes from. Workers may have others."""
    return [SettingOut.model_validate(each) for each in effective.settings_of(settings)]


class KeptOut(Answer):
    """What a task has: executions, bytes of their output, files. `going` executions over its `limit` are deleted
    within a day."""

    task_id: int
    name: str
    executions: int
    output: int
    files: int
    file_bytes: int
    limit: int
    going: int


class StorageOut(Answer):
    """What is kept, the largest tasks first; sums are of `every` task with executions. What goes within a day:
    executions that are too old, too many of their task, and files past their time."""

    every: int
    executions: int
    output: int
    files: int
    file_bytes: int
    too_old: int
    too_many: int
    files_going: int
    file_bytes_going: int
    tasks: list[KeptOut]


@router.get("/storage")
async def read_storage(
    session: ReadDep,
    now: ReadNow,
    memory: MemoryDep,
    settings: SettingsDep,
    limit: Annotated[int, Query(ge=1, le=1000, description="Tasks that are listed.")] = 100,
) -> StorageOut:
    """Rows and bytes by task, and what the next day's pruning deletes."""
    return StorageOut.model_validate(await storage.storage(session, memory, settings, now=now, limit=limit))
