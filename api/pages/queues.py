"""Queues: why does it wait."""

from fastapi import APIRouter, Request, Response

from api.deps import MemoryDep, ReadDep
from api.pages import queue_views as views
from api.pages.deps import LocaleDep, RightsDep
from api.rendering import render
from common.services import overview, queues

router = APIRouter(prefix="/ui/queues", include_in_schema=False)


@router.get("")
async def show_queues(
    request: Request, session: ReadDep, locale: LocaleDep, memory: MemoryDep, rights: RightsDep
) -> Response:
    """Each queue with who serves it and what waits, the first line says whether anything does."""
    found = await queues.all_of(session, now=locale.now)
    running = await overview.running(session, memory, limit=200)
    view = views.queues_view(found, running, locale)
    return render(request, "queues.html", block="live", view=view, may_run=rights.run)
