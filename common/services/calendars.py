"""Calendars people make: create, change, delete, look at a year of them."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from common.db.models import Calendar, Schedule
from common.db.session import ReadSession, WriteSession
from common.db.wakeup import notify
from common.domain.calendars import Days
from common.domain.invalid import N_, InvalidSchedule
from common.domain.public_days import built_in, check_country
from common.errors import Conflict, Invalid, NotFound
from common.queries import calendars as queries
from common.services import audit, schedules
from common.services.audit import Thing
from common.services.inputs import Name, refuse


def _no_number(value: object) -> object:
    """A bare number would be read as seconds since 1970."""
    if isinstance(value, int | float):
        raise PydanticKnownError("string_type")
    return value


Kind = Literal["holidays", "working_days", "dates"]
Date = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31)), BeforeValidator(_no_number)]


class CalendarInput(BaseModel):
    """A set of days: a country's public holidays or working days, or dates of your own."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name, Field(max_length=100)] = Field(examples=["公司休息日"])
    kind: Kind
    country: str = Field("", max_length=2, description="Two-letter code, for holidays and working days.")
    subdivision: str = Field("", max_length=32, description="Part of the country, for example CA of US.")
    dates: list[Date] = Field(default_factory=list, max_length=5000, description="The days, for the kind `dates`.")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "CalendarInput":
        if self.kind == "dates":
            if self.country or self.subdivision:
                raise refuse(N_("Dates of your own belong to no country. Leave it out."))
            if not self.dates:
                raise refuse(N_("Give one date at least, for example 2026-12-31."))
        else:
            if not self.country:
                raise refuse(N_("Say which country, for example CN, DE or US."))
            if self.dates:
                raise refuse(N_("Dates are for the kind dates only."))
        return self


async def get(session: ReadSession, calendar_id: int) -> Calendar:
    """The calendar; raises NotFound."""
    found = await queries.by_id(session, calendar_id)
    if found is None:
        raise NotFound("There is no calendar {id}.", id=calendar_id)
    return found


def _columns(data: CalendarInput) -> dict[str, Any]:
    """What is stored; raises Invalid naming the field."""
    if built_in(data.name) is not None:
        raise Invalid('"{name}" is the name of a built-in calendar. Choose another.', field="name", name=data.name)
    country = data.country.upper()
    if data.kind != "dates":
        try:
            check_country(country, data.subdivision)
        except InvalidSchedule as error:
            raise Invalid(error.template, field=error.field, **error.params) from None
    dates = sorted({each.isoformat() for each in data.dates})
    return {
        "name": data.name,
        "kind": data.kind,
        "country": country,
        "subdivision": data.subdivision,
        "dates": dates,
    }


async def create(session: WriteSession, data: CalendarInput, *, now: datetime) -> Calendar:
    """Store a new calendar; raises Invalid, or Conflict when the name is taken."""
    row = Calendar(created_at=now, updated_at=now, **_columns(data))
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise _taken(data.name) from None
    await audit.record(session, "calendar.create", _thing(row), now=now)
    return row


def _thing(row: Calendar) -> Thing:
    return Thing("calendar", row.id, row.name)


def _taken(name: str) -> Conflict:
    return Conflict("The calendar {name} exists already.", field="name", name=name)


async def update(session: WriteSession, calendar_id: int, data: CalendarInput, *, now: datetime) -> Calendar:
    """Replace a calendar; schedules that keep to it follow from now on. Raises NotFound, Invalid, Conflict."""
    rows = await _lock_schedules(session, calendar_id)
    row = await get(session, calendar_id)
    try:
        async with session.begin_nested():
            for name, value in _columns(data).items():
                setattr(row, name, value)
            row.updated_at = now
            await session.flush()
    except IntegrityError:
        raise _taken(data.name) from None
    await repoint(session, rows, now=now)
    await audit.record(session, "calendar.update", _thing(row), now=now)
    await notify(session)
    return row


async def _lock_schedules(session: WriteSession, calendar_id: int) -> list[Schedule]:
    rows = await session.scalars(
        select(Schedule).where(Schedule.calendar_id == calendar_id).order_by(Schedule.id).with_for_update()  # type: ignore[arg-type]
    )
    return list(rows)


async def repoint(session: WriteSession, rows: list[Schedule], *, now: datetime, after: datetime | None = None) -> int:
    """Work out anew what comes next, from `after` (now when left out) on; what is due already stays due.

    Returns how many next runs are others than before.
    """
    days = await queries.known(session, rows)
    changed = 0
    for row in rows:
        if row.next_run_at is not None and row.next_run_at > (after or now):
            before = row.shows_next
            schedules.point(row, schedules.observed_of(row, days), after=after or now)
            changed += row.shows_next != before
    await session.flush()
    return changed


async def delete(session: WriteSession, calendar_id: int, *, now: datetime) -> None:
    """Delete a calendar nobody uses; raises NotFound, or Conflict naming tasks that use it."""
    row = await get(session, calendar_id)
    names, count = await queries.used_by(session, calendar_id)
    if count:
        if not names:
            raise Conflict("{count} tasks of others use this calendar. Ask an administrator.", count=count)
        shown = ", ".join(names) + (" …" if count > len(names) else "")
        raise Conflict("{count} tasks use this calendar: {names}. Take it out there first.", count=count, names=shown)
    await session.delete(row)
    try:
        await session.flush()
    except IntegrityError:  # somebody began to use it meanwhile
        raise Conflict("A task has just begun to use this calendar.") from None
    await audit.record(session, "calendar.delete", _thing(row), now=now)


async def preview(session: ReadSession, name: str) -> Days:
    """The days of a calendar by name, stored or built in; raises NotFound."""
    stored = await queries.by_name(session, name)
    days = queries.days_of(stored) if stored else built_in(name)
    if days is None:
        raise NotFound("There is no calendar {name}.", name=name)
    return days


async def warm(session: ReadSession, *, now: datetime) -> None:
    """Read the holidays that schedules keep to: the first look at a country takes a second, and must not hold locks."""
    used = await queries.used(session)
    for days in [*(await queries.known(session, used)).values(), *(built_in(row.calendar_name) for row in used)]:
        if days is not None:
            await asyncio.to_thread(days.working, now.date())


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a calendar: whether people work, and what the day is."""

    day: date
    working: bool
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Year:
    """The days of a calendar in a year; `announced` is false while they are a guess."""

    year: int
    announced: bool
    days: list[Day]


def year_of(days: Days, year: int) -> Year:
    """Every day of the year that is in the calendar."""
    found = []
    day = date(year, 1, 1)
    while day.year == year:
        if days.contains(day):
            found.append(Day(day, days.working(day), *days.why(day)))
        if day == date.max:
            break
        day += timedelta(days=1)
    return Year(year, not days.unknown(date(year, 1, 1)), found)
