"""Workers and schedulers: how busy they are, what they run, and asking a worker to take nothing more."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep, MemoryDep, ReadDep, WriteDep
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageAdministrator, PageUser, WriteLocaleDep
from api.pages.downtime_views import RECENT, recent_line
from api.pages.worker_views import workers_view
from api.rendering import done, render
from common.domain.permissions import ADMINISTRATOR
from common.services import downtime, overview, status, workers

router = APIRouter(prefix="/ui", include_in_schema=False)
WorkerId = Annotated[str, Path(max_length=64)]
URL = "/ui/workers"


@router.get("/status")
async def former_place(user: PageUser) -> Response:
    """Where the page was once."""
    return RedirectResponse(URL, status_code=303)


@router.get("/workers")
async def show_workers(
    request: Request, user: PageUser, session: ReadDep, locale: LocaleDep, database: DatabaseDep, memory: MemoryDep
) -> Response:
    """Who is at work, and how busy."""
    found = await status.processes(session, now=locale.now)
    runs = await workers.running(session, [row.id for row in found.workers])
    usual = await overview.usual_lengths(
        session, memory, sorted({run.task_id for each in runs.values() for run in each})
    )
    down = recent_line(await downtime.newest(session, since=locale.now - RECENT), locale)
    load = await status.load(session)
    view = workers_view(found, load, runs, usual, database.dialect, locale, downtime=down)
    return render(request, "workers.html", block="live", view=view, may_drain=user.role == ADMINISTRATOR)


@router.post("/workers/{worker_id}/drain")
async def drain(
    request: Request,
    worker_id: WorkerId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Have it take nothing more."""
    _ = locale.gettext
    if not confirmed:
        name = await workers.name_of(session, worker_id)
        told = _(
            "In a few seconds it takes nothing more. What it runs goes on to its end. It stays so until you resume it."
        )
        action = f"{URL}/{worker_id}/drain"
        question = _("Drain %(name)s?", name=name)
        return ask(request, Question(question, told, action, _("Drain it"), _("Let it work"), back=URL))
    name = await workers.drain(session, worker_id, by=user.username, now=locale.now)
    return done(request, _("%(name)s takes nothing more.", name=name), URL)


@router.post("/workers/{worker_id}/resume")
async def resume(
    request: Request, worker_id: WorkerId, user: PageAdministrator, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Have it take executions again."""
    name = await workers.resume(session, worker_id, now=locale.now)
    return done(request, locale.gettext("%(name)s takes executions again.", name=name), URL)


@router.post("/workers/{worker_id}/forget")
async def forget(
    request: Request, worker_id: WorkerId, user: PageAdministrator, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Remove one that is gone for good."""
    name = await workers.forget(session, worker_id, now=locale.now)
    return done(request, locale.gettext("%(name)s is removed.", name=name), URL)
