"""Rights that are no matter of one task: who may have code run. And what is written down when somebody may not."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from common.db.models import User, table_of
from common.db.session import ReadSession, WriteSession
from common.domain.audit import REFUSED
from common.domain.permissions import NOT_CODE, changes_code, crosses_users, sees_all
from common.errors import DomainError, Forbidden, NotFound
from common.i18n import N_
from common.services import audit
from common.services.audit import Thing

U = table_of(User)


async def may_create_code(session: ReadSession) -> bool:
    """Whether whom the session speaks for may create tasks that run code, and change what they run."""
    if sees_all(session.actor):
        return True
    found: bool | None = await session.scalar(select(U.c.may_create_code).where(U.c.id == session.actor.user_id))
    return bool(found)


async def check_code(
    session: ReadSession, kinds: Collection[str], changed: Collection[str] = frozenset({"command"})
) -> None:
    """Raise Forbidden when changing these fields changes the code that runs, and they may not do that."""
    if changes_code(kinds, changed) and not await may_create_code(session):
        raise Forbidden(N_("Your account may not create tasks that run code, nor change what they run."))


def check_user(session: ReadSession, before: str | None, after: str | None, changed: Collection[str]) -> None:
    """Raise Forbidden, naming the field, when a change has something run as another user and they may not do that."""
    field = crosses_users(before, after, changed)
    if field is not None and not sees_all(session.actor):
        raise Forbidden(
            N_("Only administrators may say as which user a task runs, and change what runs as one."), field=field
        )


def check_reach(
    session: ReadSession, before: Mapping[str, Any], after: Mapping[str, Any], changed: Collection[str]
) -> None:
    """Raise Forbidden when a change concerns a call that may go to any address, and they may not do that. `before` and
    `after` are specs of kinds."""
    reaches = any(each.get("any_address") for each in (before, after))
    if reaches and not NOT_CODE.issuperset(changed) and not sees_all(session.actor):
        raise Forbidden(
            N_("Only administrators may let a task call addresses that are not public, and change such a call."),
            field="spec.any_address",
        )


async def note_refusal(session: WriteSession, thing: Thing, error: DomainError, *, now: datetime) -> None:
    """Write down that one of several was refused, in the transaction of the others; nothing for other errors."""
    if isinstance(error, Forbidden | NotFound):
        await audit.record(session, "request", thing, now=now, outcome=REFUSED, details={"reason": str(error)})
