"""After a downtime: what was due, what became of it, and running the chosen ones."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.declared import takes
from api.deps import ReadDep, ReadNow, UserDep, WriteDep, WriteNow
from api.problems import language
from api.schemas.base import Page, PageNumber, PageSize
from api.schemas.cron import domain_lang
from api.schemas.ledger import GapOut
from api.schemas.tasks import BulkItem, BulkOut
from common.domain.permissions import Right
from common.fields import Time, Whole
from common.i18n import localized
from common.services import downtime

router = APIRouter(tags=["ledger"])


@router.get("/downtime")
async def list_downtimes(
    request: Request,
    session: ReadDep,
    now: ReadNow,
    since: Time | None = None,
    until: Time | None = None,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[GapOut]:
    """Times in which no scheduler was at work, the newest first, with every instant that was due. Thirty days back
    when `since` is left out."""
    gaps, total = await downtime.page(session, since=since, until=until, number=page, size=page_size, now=now)
    lang = domain_lang(language(request))
    return Page[GapOut].of([GapOut.of(gap, lang) for gap in gaps], total=total, page=page, page_size=page_size)


class Chosen(BaseModel):
    """Executions that were missed or skipped."""

    model_config = ConfigDict(extra="forbid")
    execution_ids: list[Annotated[Whole, Field(ge=1, le=2**63 - 1)]] = Field(min_length=1, max_length=500)


@router.post("/downtime/run", status_code=202, openapi_extra=takes(Right.RUN))
async def run_missed(data: Chosen, session: WriteDep, now: WriteNow, user: UserDep, request: Request) -> BulkOut:
    """Run missed executions now, each as a new execution. The same one again is the same new execution."""
    made = await downtime.run(session, data.execution_ids, by=user.username, now=now)
    lang = language(request)
    items = [
        BulkItem(
            id=each.id,
            ok=each.error is None,
            error=localized(each.error, lang) if each.error else None,
            execution_id=each.execution_id,
        )
        for each in made
    ]
    return BulkOut(results=items, succeeded=sum(i.ok for i in items), failed=sum(not i.ok for i in items))
