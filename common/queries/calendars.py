"""Reading calendars: rows, and the days they stand for."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Protocol

from sqlalchemy import func, select

from common.db.models import Calendar, Schedule, Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.calendars import Days, ListedDays, Observed, Rule
from common.domain.invalid import InvalidSchedule
from common.domain.public_days import CountryDays, built_in
from common.domain.trigger import Trigger
from common.queries.visibility import listed

C = table_of(Calendar)
S = table_of(Schedule)
T = table_of(Task)

#: The days of stored calendars, by id.
Known = Mapping[int, Days]


class Keeps(Protocol):
    """What says which calendar a schedule keeps to: a `Schedule`, or a row of its table."""

    @property
    def calendar_id(self) -> int | None: ...
    @property
    def calendar_name(self) -> str: ...
    @property
    def calendar_rule(self) -> str: ...


async def by_id(session: ReadSession, calendar_id: int) -> Calendar | None:
    """One calendar."""
    found: Calendar | None = await session.scalar(select(Calendar).where(C.c.id == calendar_id))
    return found


async def by_name(session: ReadSession, name: str) -> Calendar | None:
    """The calendar of this name."""
    found: Calendar | None = await session.scalar(select(Calendar).where(C.c.name == name))
    return found


async def page(session: ReadSession, *, page: int, page_size: int) -> tuple[list[Calendar], int]:
    """One page of calendars by name, and how many there are."""
    total = await session.scalar(select(func.count()).select_from(C))
    rows = await session.scalars(select(Calendar).order_by(C.c.name).limit(page_size).offset((page - 1) * page_size))
    return list(rows), total or 0


async def used_by(session: ReadSession, calendar_id: int, *, limit: int = 5) -> tuple[list[str], int]:
    """Names of some tasks whose schedules keep to the calendar, and how many there are.

    Only tasks that whoever asks may see have a name here; all of them count.
    """
    users = select(T.c.id, T.c.name).join(S, S.c.task_id == T.c.id).where(S.c.calendar_id == calendar_id).distinct()
    total = await session.scalar(select(func.count()).select_from(users.subquery()))
    rows = await session.execute(users.where(listed(session)).order_by(T.c.name).limit(limit))
    return [row.name for row in rows], total or 0


async def used(session: ReadSession) -> list[Record]:
    """Every calendar that some schedule keeps to: calendar_id, calendar_name."""
    rows = await session.execute(
        select(S.c.calendar_id, S.c.calendar_name).where(S.c.calendar_rule != "").distinct().limit(1000)
    )
    return list(rows)


async def known(session: ReadSession, rows: Iterable[Keeps | Record]) -> Known:
    """The days of every stored calendar these schedules keep to; no query when there is none."""
    ids = sorted({row.calendar_id for row in rows if row.calendar_id is not None})
    if not ids:
        return {}
    found = await session.scalars(select(Calendar).where(C.c.id.in_(ids)))
    return {row.id: days_of(row) for row in found if row.id is not None}


def days_of(row: Calendar) -> Days:
    """The days a calendar stands for."""
    if row.kind == "dates":
        return ListedDays(frozenset(date.fromisoformat(text) for text in row.dates))
    return CountryDays(row.country, row.subdivision, "working_days" if row.kind == "working_days" else "holidays")


def observed(trigger: Trigger, row: Keeps | Record, days: Known) -> Trigger | Observed:
    """The schedule as its calendar lets it run. Raises InvalidSchedule when the calendar is gone."""
    if not row.calendar_rule:
        return trigger
    kept = built_in(row.calendar_name) if row.calendar_id is None else days.get(row.calendar_id)
    if kept is None:
        raise InvalidSchedule(
            'There is no calendar "{name}".', field="calendar", name=row.calendar_name or row.calendar_id
        )
    return Observed(trigger, kept, _rule(row.calendar_rule))


def _rule(text: str) -> Rule:
    return "only_on" if text == "only_on" else "never_on" if text == "never_on" else "shift_next"
