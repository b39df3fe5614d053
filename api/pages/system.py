"""The pages of settings and storage: what Rota runs with, and what it keeps."""

from fastapi import APIRouter, Request, Response

from api.deps import MemoryDep, ReadDep, SettingsDep
from api.pages import system_views as views
from api.pages.deps import LocaleDep, PageAdministrator
from api.rendering import is_fragment, render
from common.services import effective, storage

router = APIRouter(prefix="/ui", include_in_schema=False)


@router.get("/settings")
async def show_settings(
    request: Request, user: PageAdministrator, settings: SettingsDep, locale: LocaleDep
) -> Response:
    """The settings in effect; they are changed where they come from."""
    return render(request, "settings.html", view=views.settings_view(effective.settings_of(settings), locale))


@router.get("/storage")
async def show_storage(
    request: Request,
    session: ReadDep,
    locale: LocaleDep,
    memory: MemoryDep,
    settings: SettingsDep,
    wait: bool = False,
) -> Response:
    """Which tasks take how much, and what goes within a day. What takes seconds comes after the page, unless somebody
    says that they `wait`."""
    if not (wait or is_fragment(request) or await storage.is_at_hand(session, memory)):
        return render(request, "storage.html", view=None)
    found = await storage.storage(session, memory, settings, now=locale.now)
    return render(request, "storage.html", block="kept", view=views.storage_view(found, settings, locale))
