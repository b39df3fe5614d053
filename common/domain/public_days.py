"""Public holidays and working days of countries, from the `holidays` package; China's make-up working days too.

The package's data for China agree with the `chinesecalendar` package on every day from 2004 to 2026. China announces
a year's days in the November before; until the package has them the law's own days and weekends are used, and
`unknown` says so.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

from common.domain.calendars import Why
from common.domain.invalid import InvalidSchedule

if TYPE_CHECKING:
    from holidays import HolidayBase

Kind = Literal["holidays", "working_days"]
KINDS: tuple[Kind, ...] = ("holidays", "working_days")
#: Countries whose days are announced year by year, make-up working days included.
_ANNOUNCED = ("CN",)


@cache
def countries() -> dict[str, frozenset[str]]:
    """The two-letter codes of the countries there are, each with its subdivisions."""
    import holidays  # takes a second: only where a calendar is used

    found = holidays.list_supported_countries(include_aliases=False)
    return {code: frozenset(parts) for code, parts in sorted(found.items()) if len(code) == 2}


@dataclass(frozen=True, slots=True)
class CountryDays:
    """The public holidays of a country or part of it, or its working days."""

    country: str
    subdivision: str = ""
    kind: Kind = "holidays"

    def contains(self, day: date) -> bool:
        """Whether the day is a public holiday, or a working day."""
        if self.kind == "working_days":
            return self.working(day)
        return day in _year(self.country, self.subdivision, day.year).names

    def working(self, day: date) -> bool:
        """Whether people work: no weekend and no holiday, or a make-up working day."""
        year = _year(self.country, self.subdivision, day.year)
        return day in year.made_up or (day.weekday() not in year.weekend and day not in year.names)

    def why(self, day: date) -> Why:
        """The name of the holiday, else what kind of day it is."""
        year = _year(self.country, self.subdivision, day.year)
        if day in year.made_up:
            return Why("make-up working day", "调休上班")
        if day in year.names:
            return year.names[day]
        return Why("weekend", "周末") if day.weekday() in year.weekend else Why("working day", "工作日")

    def unknown(self, day: date) -> bool:
        """Whether the year's days are announced, and not yet known."""
        return self.country in _ANNOUNCED and not _year(self.country, self.subdivision, day.year).announced


@dataclass(frozen=True, slots=True)
class _Year:
    names: dict[date, Why]
    made_up: frozenset[date]
    weekend: frozenset[int]
    announced: bool


@lru_cache(maxsize=2000)
def _year(country: str, subdivision: str, year: int) -> _Year:
    english, chinese = _of(country, subdivision, "en_US", year), _of(country, subdivision, "zh_CN", year)
    made_up = frozenset(day for day in english.weekend_workdays if day.year == year)
    names = {day: Why(name, str(chinese.get(day, name))) for day, name in english.items() if day.year == year}
    # Every announcement for China has moved some weekend; without one only the law's own days are known.
    return _Year(names, made_up, frozenset(english.weekend), bool(made_up))


def _of(country: str, subdivision: str, language: str, year: int) -> "HolidayBase":
    import holidays

    kind = holidays.country_holidays(country)
    known = language in kind.supported_languages
    # A year's last days may be moved by the next year's announcement, so the neighbours are read too.
    return holidays.country_holidays(
        country,
        subdiv=subdivision or None,
        years=range(max(year - 1, 1), min(year + 1, 9999) + 1),
        expand=False,
        language=language if known else None,
    )


def check_country(country: str, subdivision: str) -> None:
    """Raise InvalidSchedule (field "country" or "subdivision") when there is no such place."""
    if country not in countries():
        raise InvalidSchedule(
            'There is no calendar of a country "{country}". Use its two-letter code, for example CN, DE or US.',
            field="country",
            country=country[:40],
        )
    parts = countries()[country]
    if subdivision and subdivision not in parts:
        if not parts:
            raise InvalidSchedule(
                "The holidays of {country} are the same everywhere. Leave the part out.",
                field="subdivision",
                country=country,
            )
        raise InvalidSchedule(
            'There is no part "{part}" of {country}. There are {parts}.',
            field="subdivision",
            part=subdivision[:40],
            country=country,
            parts=", ".join(sorted(parts)),
        )


def built_in(name: str) -> CountryDays | None:
    """The calendar of a name such as "CN" or "US-CA" (holidays) or "CN:working_days"; None when it is not built in."""
    place, _, kind = name.strip().partition(":")
    country, _, subdivision = place.partition("-")
    country = country.upper()
    if len(country) != 2 or kind not in ("", *KINDS) or country not in countries():
        return None
    if subdivision and subdivision not in countries()[country]:
        return None
    return CountryDays(country, subdivision, "working_days" if kind == "working_days" else "holidays")
