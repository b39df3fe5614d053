"""The application: every router in its place. What is public stands in one list; the rest needs a person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI

from api import docs, openapi, problems
from api.auth import oauth2, require_right, require_user
from api.live import Live
from api.middleware import BodyLimit, CompressedPages, RequestLimits, SecurityHeaders
from api.pages import own as own_pages
from api.pages import private as private_pages
from api.pages import public as public_pages
from api.routes import (
    account,
    artifacts,
    audit,
    auth,
    bulk,
    calendars,
    cron,
    data_sources,
    downtime,
    executions,
    ledger,
    logs,
    programs,
    queues,
    sharing,
    status,
    system,
    tasks,
    teams,
    uploads,
    users,
    variables,
    versions,
)
from api.static import static_files
from common.artifacts.choose import store_of
from common.clock import Clock
from common.config import Settings
from common.db.bells import bells_of
from common.db.session import Database
from common.domain.permissions import NOBODY
from common.security.encryption import Keyring
from common.security.keys import signing_key
from common.security.oidc import provider_of
from common.services.memory import Memory
from common.version import __version__

#: Large enough that a field which is too long is named, and not just the body refused.
_MAX_BODY = 8 * 1024 * 1024

_PRIVATE = (
    bulk.router,
    tasks.router,
    executions.router,
    logs.router,
    artifacts.router,
    cron.router,
    calendars.router,
    ledger.router,
    downtime.router,
    audit.router,
    sharing.router,
    teams.router,
    users.router,
    variables.router,
    versions.router,
    programs.router,
    data_sources.router,
    uploads.router,
    status.private,
    queues.router,
    system.router,
    system.administration,
    status.administration,
)
_PUBLIC = (auth.public, status.public, artifacts.public)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The application for these settings; its database is closed with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.live.close()
        await app.state.database.dispose()

    app = FastAPI(
        title="Rota",
        description="Everything the pages do. Every path also answers below `/api`. Instants are ISO 8601 in UTC;"
        " errors are `application/problem+json` and name the field.",
        version=__version__,
        openapi_tags=[
            {"name": name}
            for name in (
                "tasks",
                "versions",
                "executions",
                "logs",
                "files",
                "cron",
                "status",
                "auth",
                "users",
                "variables",
                "programs",
                "data sources",
                "uploads",
            )
        ],
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.settings = settings
    app.state.clock = clock or Clock()
    synchronous, bells = settings.sqlite_synchronous, bells_of(settings)
    app.state.database = Database(settings.url, synchronous=synchronous, actor=NOBODY, bells=bells)
    app.state.memory = Memory()
    app.state.live = Live(app.state.database)
    app.state.signing_key = signing_key(settings)
    app.state.keyring = Keyring(settings)
    app.state.store = store_of(settings)
    app.state.keyring.ensure()
    app.state.oidc = provider_of(settings, app.state.clock)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(CompressedPages)
    # A form around a file is a little longer than the file.
    sizes = {"usual": _MAX_BODY, "upload": settings.upload_limit + 100_000}
    app.add_middleware(BodyLimit, **sizes)
    app.add_middleware(RequestLimits, **sizes)
    app.add_middleware(SecurityHeaders)
    signed_in = [Depends(require_user), Depends(oauth2)]
    entitled = [Depends(require_right), Depends(oauth2)]
    for prefix, shown in (("", True), ("/api", False)):
        for router in _PUBLIC:
            app.include_router(router, prefix=prefix, include_in_schema=shown)
        for router in _PRIVATE:
            app.include_router(router, prefix=prefix, include_in_schema=shown, dependencies=entitled)
        for router in (auth.private, account.router):
            app.include_router(router, prefix=prefix, include_in_schema=shown, dependencies=signed_in)
    app.include_router(_pages())
    app.include_router(docs.router)
    app.mount("/static", static_files(), name="static")
    return app


def _pages() -> APIRouter:
    pages = APIRouter(include_in_schema=False)
    pages.include_router(public_pages)
    pages.include_router(private_pages)
    pages.include_router(own_pages)
    return pages
