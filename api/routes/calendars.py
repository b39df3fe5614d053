"""Calendars: your own, and the built-in ones of countries."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from api.deps import ReadDep, WriteDep, WriteNow
from api.problems import language
from api.schemas.base import Page, PageNumber, PageSize
from api.schemas.calendars import CalendarOut, CountryOut, YearOut
from api.schemas.cron import domain_lang
from api.schemas.tasks import Deleted
from common.domain.public_days import countries
from common.domain.triggers import Note
from common.queries import calendars as queries
from common.services import calendars
from common.services.calendars import CalendarInput

router = APIRouter(tags=["calendars"])
CalendarId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the calendar.")]
YearNumber = Annotated[int, Query(ge=1970, le=2199)]


@router.get("/calendars")
async def list_calendars(session: ReadDep, page: PageNumber = 1, page_size: PageSize = 50) -> Page[CalendarOut]:
    """Your calendars by name. The built-in ones are at `/calendars/built-in`."""
    rows, total = await queries.page(session, page=page, page_size=page_size)
    items = [CalendarOut.model_validate(row) for row in rows]
    return Page[CalendarOut].of(items, total=total, page=page, page_size=page_size)


@router.post("/calendars", status_code=201)
async def create_calendar(data: CalendarInput, session: WriteDep, now: WriteNow) -> CalendarOut:
    """Create a calendar."""
    return CalendarOut.model_validate(await calendars.create(session, data, now=now))


@router.get("/calendars/built-in")
def list_countries() -> list[CountryOut]:
    """Countries whose calendars need not be created: `DE`, `US-CA` (public holidays), `CN:working_days`."""
    return [CountryOut(country=code, subdivisions=sorted(parts)) for code, parts in countries().items()]


@router.get("/calendars/built-in/{name}/days")
async def built_in_days(
    request: Request, name: Annotated[str, Path(max_length=100)], session: ReadDep, year: YearNumber
) -> YearOut:
    """The days of a built-in calendar in a year."""
    days = await calendars.preview(session, name)
    return _year(calendars.year_of(days, year), language(request))


@router.get("/calendars/{calendar_id}")
async def get_calendar(calendar_id: CalendarId, session: ReadDep) -> CalendarOut:
    """One calendar."""
    return CalendarOut.model_validate(await calendars.get(session, calendar_id))


@router.put("/calendars/{calendar_id:int}")
async def update_calendar(
    calendar_id: CalendarId, data: CalendarInput, session: WriteDep, now: WriteNow
) -> CalendarOut:
    """Replace a calendar. Schedules that keep to it follow from now on."""
    return CalendarOut.model_validate(await calendars.update(session, calendar_id, data, now=now))


@router.delete("/calendars/{calendar_id:int}")
async def delete_calendar(calendar_id: CalendarId, session: WriteDep, now: WriteNow) -> Deleted:
    """Delete a calendar that no task uses."""
    await calendars.delete(session, calendar_id, now=now)
    return Deleted(id=calendar_id)


@router.get("/calendars/{calendar_id}/days")
async def calendar_days(request: Request, calendar_id: CalendarId, session: ReadDep, year: YearNumber) -> YearOut:
    """The days of a calendar in a year."""
    row = await calendars.get(session, calendar_id)
    return _year(calendars.year_of(queries.days_of(row), year), language(request))


def _year(year: calendars.Year, lang: str) -> YearOut:
    note = None if year.announced else Note("unknown_days", {"year": year.year}).text(domain_lang(lang))
    return YearOut.of(year, note)
