"""The same for many tasks: every id has its own result, one bad id does not sink the rest."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from api.declared import takes
from api.deps import UserDep, WriteDep, WriteNow
from api.problems import language
from api.schemas.tasks import BulkItem, BulkOut
from common.domain.permissions import Right
from common.fields import Tag, Whole, refuse
from common.i18n import N_, localized
from common.services import tags, tasks

router = APIRouter(prefix="/tasks/bulk", tags=["tasks"])

_Id = Annotated[Whole, Field(ge=1, le=2**63 - 1)]


def _bare(value: Any) -> Any:
    return {"ids": value} if isinstance(value, list) else value


class Ids(BaseModel):
    """The tasks to do it to: `{"ids": [1, 2]}`, `{"task_ids": [1, 2]}` or just `[1, 2]`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    ids: list[_Id] = Field(min_length=1, max_length=1000)


def _named(value: Any) -> Any:
    value = _bare(value)
    return {"ids": value["task_ids"]} if isinstance(value, dict) and value.keys() == {"task_ids"} else value


IdsBody = Annotated[Ids, BeforeValidator(_named)]


@router.post("/delete")
async def bulk_delete(data: IdsBody, session: WriteDep, now: WriteNow, user: UserDep, request: Request) -> BulkOut:
    """Delete these tasks."""

    async def work(session: WriteDep, task_id: int) -> None:
        await tasks.delete(session, task_id, by=user.username, now=now)

    return _answer(await tasks.each(session, data.ids, work, now=now), language(request))


@router.post("/pause")
async def bulk_pause(data: IdsBody, session: WriteDep, now: WriteNow, user: UserDep, request: Request) -> BulkOut:
    """Pause these tasks."""

    async def work(session: WriteDep, task_id: int) -> None:
        await tasks.set_enabled(session, task_id, False, now=now, by=user.username)

    return _answer(await tasks.each(session, data.ids, work, now=now), language(request))


@router.post("/resume")
async def bulk_resume(data: IdsBody, session: WriteDep, now: WriteNow, user: UserDep, request: Request) -> BulkOut:
    """Resume these tasks."""

    async def work(session: WriteDep, task_id: int) -> None:
        await tasks.set_enabled(session, task_id, True, now=now, by=user.username)

    return _answer(await tasks.each(session, data.ids, work, now=now), language(request))


@router.post("/force_run", status_code=202, openapi_extra=takes(Right.RUN))
async def bulk_force_run(data: IdsBody, session: WriteDep, now: WriteNow, user: UserDep, request: Request) -> BulkOut:
    """Run these tasks now."""

    async def work(session: WriteDep, task_id: int) -> int:
        return await tasks.run_now(session, task_id, by=user.username, now=now)

    return _answer(await tasks.each(session, data.ids, work, now=now), language(request))


class Tags(Ids):
    """Tags that these tasks get, and tags that they lose."""

    add: list[Tag] = Field(default_factory=list, max_length=tags.MOST)
    remove: list[Tag] = Field(default_factory=list, max_length=tags.MOST)

    @model_validator(mode="after")
    def _something(self) -> "Tags":
        if not self.add and not self.remove:
            raise refuse(N_("Say which tags to add or to remove."))
        return self


@router.post("/tags")
async def bulk_tags(data: Tags, session: WriteDep, now: WriteNow, user: UserDep, request: Request) -> BulkOut:
    """Give tags to these tasks, and take others away."""

    async def work(session: WriteDep, task_id: int) -> None:
        await tags.change(session, task_id, add=data.add, remove=data.remove, now=now)

    return _answer(await tasks.each(session, data.ids, work, now=now), language(request))


def _answer(results: Sequence[tasks.BulkResult], lang: str) -> BulkOut:
    items = [
        BulkItem(
            id=result.id,
            ok=result.ok,
            error=localized(result.error, lang) if result.error else None,
            execution_id=result.value,
        )
        for result in results
    ]
    return BulkOut(results=items, succeeded=sum(i.ok for i in items), failed=sum(not i.ok for i in items))
