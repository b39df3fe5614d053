"""On whose behalf a request is answered, and what a route declares that it takes.

Every session of a request speaks for the person who asks (`Database.on_behalf_of`), so that queries show and change
what is theirs. Before anybody is known it speaks for nobody, who sees nothing.
"""

from typing import Any

from fastapi import Depends, Request

from api.auth import Principal, require_user
from common.db.session import Database
from common.domain.permissions import ADMINISTRATOR, NOBODY, Actor, Right
from common.errors import Forbidden
from common.i18n import N_

#: Where a route's declaration stands in the OpenAPI document.
RIGHT, ROLE = "x-rota-right", "x-rota-role"


def actor_of(request: Request) -> Actor:
    """Who asks, as the services know them; nobody on routes that take no sign-in."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        return NOBODY
    via = "page" if principal.by_cookie else "api"
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
    principal = await require_user(request)
    if principal.role != ADMINISTRATOR:
        raise Forbidden(N_("This is for administrators."))
    return principal


#: Dependency of routes that only administrators may use; raises Forbidden.
administrators = Depends(require_administrator)
#: What such a route declares.
FOR_ADMINISTRATORS: dict[str, Any] = {ROLE: ADMINISTRATOR}


def takes(right: Right) -> dict[str, Any]:
    """What a route declares that needs another right on its task than its method says (GET view, else edit)."""
    return {RIGHT: right.name.lower()}
