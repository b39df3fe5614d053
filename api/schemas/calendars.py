"""Calendars as the API shows them."""

from datetime import date

from api.schemas.base import Answer, Instant
from common.services.calendars import Year


class CalendarOut(Answer):
    """A set of days that schedules keep to."""

    id: int
    name: str
    kind: str
    country: str
    subdivision: str
    dates: list[date]
    created_at: Instant
    updated_at: Instant


class DayOut(Answer):
    """One day of a calendar."""

    date: date
    working: bool
    name: dict[str, str]


class YearOut(Answer):
    """The days of a calendar in a year; `announced` is false while some of them are not known yet."""

    year: int
    announced: bool
    note: str | None
    days: list[DayOut]

    @classmethod
    def of(cls, year: Year, note: str | None) -> "YearOut":
        """The answer for a year."""
        days = [DayOut(date=each.day, working=each.working, name={"en": each.en, "zh": each.zh}) for each in year.days]
        return cls(year=year.year, announced=year.announced, note=note, days=days)


class CountryOut(Answer):
    """A country with a built-in calendar, and its parts that have holidays of their own."""

    country: str
    subdivisions: list[str]
