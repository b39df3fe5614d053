"""On whose behalf a request is answered, and what a route declares that it takes.

Every session of a request speaks for the person who asks (`Database.on_behalf_of`), so that queries show and change
what is theirs. Before anybody is known it speaks for nobody, who sees nothing.
"""

from fastapi import Depends, Request

from api.auth import Principal, require_right
from api.declared import FOR_ADMINISTRATORS as FOR_ADMINISTRATORS
from api.declared import RIGHT as RIGHT
from api.declared import ROLE as ROLE
from api.declared import takes as takes
from common.db.session import Database
from common.domain.permissions import ADMINISTRATOR, NOBODY, Actor
from common.errors import Forbidden
from common.i18n import N_


def actor_of(request: Request) -> Actor:
    """Who asks, as the services know them; nobody on routes that take no sign-in."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        return NOBODY
    via = "page" if principal.by_cookie else "key" if principal.key_id is not None else "api"
    return Actor(principal.user_id, principal.username, principal.role, via, address_of(request))


def address_of(request: Request) -> str:
    """Where the request comes from; uvicorn believes X-Forwarded-For of trusted proxies only."""
    return request.client.host if request.client else ""


def database_of(request: Request) -> Database:
    """The database on behalf of whoever asks."""
    database: Database = request.app.state.database
    return database.on_behalf_of(actor_of(request))


async def require_administrator(request: Request) -> Principal:
    """The administrator who asks; raises NotAuthenticated, Forbidden."""
    principal = await require_right(request)
    if principal.role != ADMINISTRATOR:
        raise Forbidden(N_("This is for administrators."))
    return principal


#: Dependency of routes that only administrators may use; raises Forbidden.
administrators = Depends(require_administrator)
