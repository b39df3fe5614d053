"""Whether Rota is well: database, schedulers, workers, and how much there is to do."""

from fastapi import APIRouter, Request, Response

from api.deps import DatabaseDep, ReadDep
from api.pages.deps import LocaleDep
from api.pages.status_view import status_view
from api.rendering import render
from common.services import status

router = APIRouter(prefix="/ui", include_in_schema=False)


@router.get("/status")
async def show_status(request: Request, session: ReadDep, locale: LocaleDep, database: DatabaseDep) -> Response:
    """The page for "is everything fine"."""
    found = await status.processes(session, now=locale.now)
    view = status_view(found, await status.load(session), database.dialect, locale)
    return render(request, "status.html", block="live", view=view)
