"""Whether Rota is well: database, schedulers, workers, and how much there is to do."""

from fastapi import APIRouter, Request, Response

from api.deps import DatabaseDep, ReadDep
from api.pages.deps import LocaleDep
from api.pages.downtime_views import RECENT, recent_line
from api.pages.status_view import status_view
from api.rendering import render
from common.services import downtime, status

router = APIRouter(prefix="/ui", include_in_schema=False)


@router.get("/status")
async def show_status(request: Request, session: ReadDep, locale: LocaleDep, database: DatabaseDep) -> Response:
    """The page for "is everything fine"."""
    found = await status.processes(session, now=locale.now)
    down = recent_line(await downtime.newest(session, since=locale.now - RECENT), locale)
    view = status_view(found, await status.load(session), database.dialect, locale, down)
    return render(request, "status.html", block="live", view=view)
