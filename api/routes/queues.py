"""Queues: who serves them, and why what waits there waits."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.deps import ReadDep, ReadNow
from api.schemas.base import Answer, Instant
from common.services import queues

router = APIRouter(tags=["status"])


class WaitingOut(Answer):
    """An execution that waits, and why: no worker serves its queue, all that do are draining, it waits for a slot
    (with `before` ahead of it), for its next try, for its time, or for tasks before it."""

    id: int
    task_id: int
    task_name: str
    priority: int
    available_at: Instant
    code: Literal["no_worker", "draining", "slot", "retry", "later", "upstream"]
    before: int


class QueueOut(Answer):
    """A queue. `slots` and `busy` are those of the workers that take from it; `code` says why its first one waits."""

    name: str
    tasks: int
    running: int
    queued: int
    waiting: int
    oldest: Instant | None
    workers: list[str]
    slots: int
    busy: int
    code: str
    items: list[WaitingOut]


@router.get("/queues")
async def list_queues(
    session: ReadDep, now: ReadNow, items: Annotated[int, Query(ge=0, le=200, description="Listed of each.")] = 10
) -> list[QueueOut]:
    """Every queue that a worker serves, a task names or something is in, with the first of what waits there."""
    found = await queues.all_of(session, now=now, listed_each=items)
    return [
        QueueOut(
            name=each.name,
            tasks=each.tasks,
            running=each.running,
            queued=each.queued,
            waiting=each.waiting,
            oldest=each.oldest,
            workers=[row.name for row in each.workers],
            slots=each.slots,
            busy=each.busy,
            code=each.code,
            items=[WaitingOut.model_validate(item) for item in each.items],
        )
        for each in found
    ]
