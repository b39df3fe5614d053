"""What was refused to somebody who is signed in goes into the audit log, in a transaction of its own.

Their own was rolled back with the refusal. Whoever is not signed in leaves no entry here: anybody could fill the
log; failed sign-ins have entries of their own, as few as the throttle lets through.
"""

import re

import structlog
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError

from api.access import actor_of, database_of
from common.domain.audit import REFUSED
from common.errors import DomainError, Forbidden, NotFound
from common.services import audit
from common.services.audit import NOTHING, Thing

log = structlog.get_logger()
_SAFE = {"GET", "HEAD", "OPTIONS"}
_ID = re.compile(r"(\w+)_id")


async def note(request: Request, error: DomainError) -> None:
    """Write down a refusal: something not allowed, or a change of what is not there for them."""
    gone = isinstance(error, NotFound) and request.method not in _SAFE
    actor = actor_of(request)
    if actor.user_id is None or not (gone or isinstance(error, Forbidden)):
        return
    database = database_of(request)
    details = {"method": request.method, "path": request.url.path, "reason": str(error)}
    try:
        async with database.write() as session:
            now = await request.app.state.clock.now(session)
            await audit.record(session, "request", _thing(request), now=now, outcome=REFUSED, details=details)
    except (SQLAlchemyError, OSError) as trouble:
        log.warning("refusal not written down", path=request.url.path, error=type(trouble).__name__)


def _thing(request: Request) -> Thing:
    """What it was about, by the path: `/tasks/{task_id}` is a task."""
    for name, value in reversed(request.path_params.items()):
        if match := _ID.fullmatch(name):
            return Thing(match[1], str(value))
    return NOTHING
