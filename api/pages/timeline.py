"""The timeline: past runs and coming ones, by task, over an hour to a week."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import MemoryDep, ReadDep
from api.pages import timeline_views as views
from api.pages.deps import LocaleDep
from api.rendering import render
from common.services import timeline

router = APIRouter(prefix="/ui/timeline", include_in_schema=False)


@router.get("")
async def show_timeline(
    request: Request,
    session: ReadDep,
    locale: LocaleDep,
    memory: MemoryDep,
    zoom: str = "",
    at: Annotated[str, Query(max_length=40)] = "",
    group: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The window that a URL asks for; what it asks wrongly counts as not asked."""
    window = views.window_of(zoom, at, group, q.strip(), locale)
    found = await timeline.timeline(session, memory, window.begin, window.end, search=window.search, now=locale.now)
    return render(request, "timeline.html", block="live", view=views.timeline_view(found, window, locale))
