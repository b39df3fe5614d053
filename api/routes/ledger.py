"""The fire ledger of a task, why it did or did not run, and what is to come of all tasks."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.deps import ReadDep, ReadNow
from api.problems import language
from api.schemas.base import Page, PageNumber, PageSize, Search, TaskId
from api.schemas.cron import domain_lang
from api.schemas.ledger import ForecastOut, LedgerEntry, WhyOut
from common.queries.ledger import LedgerQuery
from common.services import forecast, ledger
from common.services.inputs import Time

router = APIRouter(tags=["ledger"])


@router.get("/tasks/{task_id}/ledger")
async def task_ledger(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    now: ReadNow,
    since: Time | None = None,
    until: Time | None = None,
    outcome: Search = "",
    page: PageNumber = 1,
    page_size: PageSize = 50,
) -> Page[LedgerEntry]:
    """What became of every instant at which the task should have run, the newest first.

    `outcome`: success, failed, cancelled, pending, skipped or missed.
    """
    query = LedgerQuery(task_id, since, until, ledger.check_outcome(outcome))
    found = await ledger.page(session, query, number=page, size=page_size, now=now)
    lang = domain_lang(language(request))
    items = [LedgerEntry.of(entry, lang, found.timezone) for entry in found.entries]
    return Page[LedgerEntry].of(items, total=found.total, page=page, page_size=page_size)


@router.get("/tasks/{task_id}/why")
async def why(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    now: ReadNow,
    at: Annotated[Time | None, Query(description="An instant of the schedule; now when left out.")] = None,
) -> WhyOut:
    """Why the task ran or did not run at an instant; without one, why it does not run now."""
    found = await ledger.why(session, task_id, at=at, now=now)
    return WhyOut.of(task_id, found, domain_lang(language(request)))


@router.get("/schedule/forecast")
async def schedule_forecast(
    session: ReadDep,
    now: ReadNow,
    hours: Annotated[int, Query(ge=1, le=168)] = 24,
    page: PageNumber = 1,
    page_size: PageSize = 100,
) -> ForecastOut:
    """All coming instants of all enabled tasks, and the load they make. Schedules that fire often are cut short."""
    found = await forecast.forecast(session, hours=hours, now=now)
    return ForecastOut.of(found, page=page, page_size=page_size)
