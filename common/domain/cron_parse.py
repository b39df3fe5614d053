"""From the text of a cron expression to its values: croniter reads and checks, Rota keeps the result.

One copy per expression is kept, as most tasks share a few dozen expressions.
"""

from functools import lru_cache
from typing import Any, cast

from croniter import croniter

from common.domain import cron_text
from common.domain.cron import Cron
from common.domain.cron_days import EVERY_DAY, EVERY_WEEKDAY, LAST, DayRule
from common.domain.cron_text import CronText, bad
from common.domain.invalid import N_, InvalidSchedule

# croniter's order of fields, whatever the order in the text
_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _SECOND, _YEAR = range(7)
# Whole sentences: a translator cannot put parts together.
_UNREADABLE = {
    "second": N_('"{shown}" cannot be read as the second field. It takes 0 to 59; * , - and /.'),
    "minute": N_('"{shown}" cannot be read as the minute field. It takes 0 to 59; * , - and /.'),
    "hour": N_('"{shown}" cannot be read as the hour field. It takes 0 to 23; * , - and /.'),
    "day of month": N_(
        '"{shown}" cannot be read as the day of month field. It takes 1 to 31, L for the last day, 15W for the'
        " weekday nearest the 15th; * , - and /."
    ),
    "month": N_('"{shown}" cannot be read as the month field. It takes 1 to 12 or JAN to DEC; * , - and /.'),
    "day of week": N_(
        '"{shown}" cannot be read as the day of week field. It takes 0 to 7 (0 and 7 are Sunday) or SUN to SAT, 5#2'
        " for the second Friday, L5 for the last; * , - and /."
    ),
    "year": N_('"{shown}" cannot be read as the year field. It takes 1970 to 2099; * , - and /.'),
}


def parse_cron(expr: str, hash_key: str = "") -> Cron:
    """Return the values of `expr`, `H` replaced by a number that depends on `hash_key` and the field alone.

    Raises InvalidSchedule (field "expr") when it cannot be read or names no possible date.
    """
    return _parse(expr, hash_key if "h" in expr.lower() else "")


@lru_cache(maxsize=4096)
def _parse(expr: str, hash_key: str) -> Cron:
    text = cron_text.read(expr)
    _refuse_mixed_weekdays(text)
    cron = _cron_of(text, _expand(text, hash_key))
    if not cron.possible():
        raise bad(
            N_(
                '"{expr}" never fires: no date is ever like that (30 February, for instance).'
                " Change the day or the month; L is the last day of any month."
            ),
            expr=expr.strip(),
        )
    return cron


def _expand(text: CronText, hash_key: str) -> Any:
    # hash_id is given only where H is used: with it croniter turns even @daily into a hashed time
    try:
        return _croniter(text.for_croniter(), hash_key if text.hashed else None)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise _blame(text, hash_key) from error


def _croniter(expr: str, hash_id: str | None) -> Any:
    # cast: the published stubs do not know croniter 7's nearest_weekday
    return cast("Any", croniter(expr, 0.0, hash_id=hash_id, second_at_beginning=True))


def _blame(text: CronText, hash_key: str) -> InvalidSchedule:
    """Say which field is wrong, by trying each alone; croniter's own words name fields by number."""
    for index, (name, field) in enumerate(zip(cron_text.FIELD_NAMES, text.fields, strict=True)):
        alone = ["*"] * 7
        alone[index] = field
        try:
            _croniter(" ".join(alone), hash_key)
        except (ValueError, TypeError, LookupError, ArithmeticError):
            shown = field if len(field) <= 40 else field[:37] + "..."
            return bad(_hint(name, field) or _UNREADABLE[name], shown=shown)
    return bad(N_("This cron expression cannot be read. Try a simpler one; two schedules on one task are fine."))


def _hint(name: str, field: str) -> str:
    """The whole sentence for slips that deserve more than the range of the field."""
    if name == "hour" and field == "24":
        return N_('"{shown}" cannot be read as the hour field. Midnight is hour 0. It takes 0 to 23; * , - and /.')
    if name == "day of week" and field.endswith("l") and len(field) > 1:
        return N_(
            '"{shown}" cannot be read as the day of week field. The last such weekday of the month is written L'
            " first: L5 is the last Friday."
        )
    if name == "day of month" and field.startswith("l-"):
        return N_(
            '"{shown}" cannot be read as the day of month field. Counting back from the last day is not possible;'
            " use L, or fixed days."
        )
    if "h" in field and "," in field:
        return N_('"{shown}" cannot be read as a field. H stands alone in its field.')
    return ""


def _refuse_mixed_weekdays(text: CronText) -> None:
    """croniter refuses `1,5#2` but not `0-6,5#2`, where it then drops the first half."""
    items = text.fields[5].split(",")
    special = ["#" in item or item.startswith("l") for item in items]
    if any(special) and not all(special):
        raise bad(N_("Weekdays like 5#2 or L5 cannot be mixed with plain ones in one field. Make it two schedules."))


def _cron_of(text: CronText, found: Any) -> Cron:
    expanded: list[list[int | str]] = found.expanded
    minute, hour = text.fields[1], text.fields[2]
    return Cron(
        seconds=_values(expanded[_SECOND], range(60)) if text.has_seconds else (0,),
        minutes=_values(expanded[_MINUTE], range(60)),
        hours=_values(expanded[_HOUR], range(24)),
        days=_days_of(text, found),
        months=_values(expanded[_MONTH], range(1, 13)),
        years=_years(expanded[_YEAR]) if text.has_year else None,
        fixed=not minute.startswith("*") and not hour.startswith("*"),
        hashed=text.hashed,
        texts=text.fields,
    )


def _values(field: list[int | str], whole: range) -> tuple[int, ...]:
    return tuple(whole) if "*" in field else tuple(sorted(value for value in field if isinstance(value, int)))


def _years(field: list[int | str]) -> tuple[int, ...] | None:
    return None if "*" in field else _values(field, range(0))


def _days_of(text: CronText, found: Any) -> DayRule:
    by_day, by_weekday = found.expanded[_DAY], found.expanded[_WEEKDAY]
    nearest = frozenset(found.nearest_weekday)
    nth = frozenset(
        (weekday, LAST if n == "l" else n) for weekday, each in found.nth_weekday_of_month.items() for n in each
    )
    day_text, weekday_text = text.fields[3], text.fields[5]
    return DayRule(
        days=EVERY_DAY if "*" in by_day else frozenset(_values(by_day, range(0))) - nearest,
        last_day="l" in by_day,
        nearest=nearest,
        weekdays=frozenset()
        if nth
        else EVERY_WEEKDAY
        if "*" in by_weekday
        else frozenset(_values(by_weekday, range(0))),
        nth=nth,
        either=not day_text.startswith(("*", "?")) and not weekday_text.startswith(("*", "?")),
    )
