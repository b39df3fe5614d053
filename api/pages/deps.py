"""What page routes are given: the person who looks, their rights, their language and zone."""

from typing import Annotated

from fastapi import Depends, Path, Request

from api.access import require_administrator
from api.auth import Principal, require_page_person, require_page_user, require_right
from api.deps import ReadNow, WriteNow
from api.formats import Locale
from api.pages.parts import Rights
from api.rendering import locale_of
from common.domain.permissions import may_change
from common.errors import Forbidden
from common.i18n import N_

#: Seconds for which a page waits for what it stops; what takes longer is seen on the page of the execution.
STOP_WAIT = 3.0
PageUser = Annotated[Principal, Depends(require_page_user)]
#: The same for the few pages that need no changed password and no second factor yet.
PagePerson = Annotated[Principal, Depends(require_page_person)]


async def _writer(user: PageUser, request: Request) -> Principal:
    if not may_change(user.role):  # also where they only open a form
        raise Forbidden(N_("Your account may look, not change."))
    return await require_right(request)


#: Somebody who may change things; raises Forbidden.
PageWriter = Annotated[Principal, Depends(_writer)]


def rights_of(user: Principal) -> Rights:
    may = may_change(user.role)
    return Rights(edit=may, run=may)


async def _administrator(user: PageUser, request: Request) -> Principal:
    return await require_administrator(request)


#: An administrator; raises Forbidden.
PageAdministrator = Annotated[Principal, Depends(_administrator)]


async def _rights(user: PageUser) -> Rights:
    return rights_of(user)


RightsDep = Annotated[Rights, Depends(_rights)]


async def _reader(request: Request, user: PageUser, now: ReadNow) -> Locale:
    return locale_of(request, now)


async def _changer(request: Request, user: PageUser, now: WriteNow) -> Locale:
    return locale_of(request, now)


#: The reader's language and zone, with the database's now; of a request that reads, and of one that changes.
LocaleDep = Annotated[Locale, Depends(_reader)]
WriteLocaleDep = Annotated[Locale, Depends(_changer)]

TaskId = Annotated[int, Path(ge=1, le=2**63 - 1)]
ExecutionId = Annotated[int, Path(ge=1, le=2**63 - 1)]
