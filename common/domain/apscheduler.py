"""Takes schedules written as APScheduler 3 objects and gives the same schedule in Rota's own terms.

What differs from cron: weekdays count from Monday = 0; fields smaller than the smallest one given take their
minimum, the others `*`; day and day_of_week must *both* match. What cannot be said as a cron expression is refused
with the reason, never approximated.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.domain.cron_parse import parse_cron
from common.domain.invalid import InvalidSchedule
from common.domain.once import parse_once
from common.domain.wording import runs
from common.domain.zones import zone

_CRON = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
_SMALLEST = {"month": "1", "day": "1", "hour": "0", "minute": "0", "second": "0"}
_INTERVAL = {"weeks": "w", "days": "d", "hours": "h", "minutes": "m", "seconds": "s"}
_COMMON = ("trigger", "timezone", "start_date", "end_date", "jitter")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PLAIN = re.compile(r"\*(/\d+)?|(?P<low>\d+)(-(?P<high>\d+))?(/\d+)?|[a-z]{3}(-[a-z]{3})?", re.ASCII)
_POSITION = re.compile(r"(?P<nth>1st|2nd|3rd|4th|5th|last)\s+(?P<day>[a-z]{3})", re.ASCII)
_WEEKDAYS = re.compile(r"(?:\*|(?P<low>\w+?)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)


def translate(fields: Mapping[str, Any], *, timezone: str = "UTC") -> dict[str, Any]:
    """Return `kind`, `expr`, `timezone`, `start_at`, `end_at` (and `jitter` when given) for `triggers.parse`.

    `fields` is a cron object ({"day_of_week": "mon", "hour": 10}), an interval object ({"minutes": 5}) or a date
    object ({"run_date": ...}); values are numbers or text. `timezone` holds where the object names none; naive
    dates are wall time there. Raises InvalidSchedule whose `field` is the key at fault.
    """
    name = str(fields.get("timezone") or timezone)
    here = zone(name)
    kind, expr = _kind_and_expr(fields)
    translated: dict[str, Any] = {
        "kind": kind,
        "expr": expr,
        "timezone": name,
        "start_at": _moment(fields, "start_date", here),
        "end_at": _moment(fields, "end_date", here),
    }
    if fields.get("jitter") is not None:
        translated["jitter"] = fields["jitter"]
    return translated


def _kind_and_expr(fields: Mapping[str, Any]) -> tuple[str, str]:
    given = {key: value for key, value in fields.items() if key not in _COMMON and value is not None}
    for names, kind, build in (
        (_CRON, "cron", _cron),
        (tuple(_INTERVAL), "interval", _interval),
        (("run_date",), "once", lambda values: str(values["run_date"])),
    ):
        if given and set(given) <= set(names):
            return kind, build(given)
    unknown = next((key for key in given if key not in (*_CRON, *_INTERVAL, "run_date")), None)
    if unknown is not None:
        raise InvalidSchedule(
            '"{name}" is not a schedule field. There are {names}.',
            field=unknown,
            name=unknown[:40],
            names=", ".join(_CRON),
        )
    raise InvalidSchedule(
        'Give cron fields such as {"hour": 10, "minute": 30} or interval fields such as {"minutes": 5}, not both.',
        field="cron",
    )


def _moment(fields: Mapping[str, Any], key: str, here: Any) -> datetime | None:
    value = fields.get(key)
    if value is None or value == "":
        return None
    try:
        return parse_once(str(value), here).instant
    except InvalidSchedule as error:
        raise error.about(key) from error


def _interval(given: Mapping[str, Any]) -> str:
    for key, value in given.items():
        if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value), re.ASCII):
            raise InvalidSchedule(
                "{name} is a whole number, 0 or more. Use a smaller unit for parts.", field=key, name=key
            )
    parts = [f"{int(given[key])}{unit}" for key, unit in _INTERVAL.items() if int(given.get(key, 0))]
    return "".join(parts) or "0s"


def _cron(given: Mapping[str, Any]) -> str:
    """Fill the fields in as APScheduler does, then write them in cron's order."""
    texts = {key: _text(key, value) for key, value in given.items()}
    smallest_given = max(_CRON.index(key) for key in texts)
    for index, key in enumerate(_CRON):
        texts.setdefault(key, _SMALLEST.get(key, "*") if index > smallest_given else "*")
    if texts["week"] != "*":
        raise InvalidSchedule(
            "A cron expression knows no ISO weeks. Use months and days, or an interval of weeks with a start date.",
            field="week",
        )
    for key in ("year", "month", "hour", "minute", "second"):
        _check_plain(key, texts[key])
    day, weekday = _day_fields(texts["day"], texts["day_of_week"])
    expr = " ".join((texts["minute"], texts["hour"], day, texts["month"], weekday))
    if texts["second"] != "0" or texts["year"] != "*":
        expr = f"{texts['second']} {expr}"
    if texts["year"] != "*":
        expr = f"{expr} {texts['year']}"
    parse_cron(expr)
    return expr


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidSchedule('{name} is a number or text such as "*/5" or "1-5".', field=key, name=key)
    return ",".join(item.strip() for item in str(value).lower().split(","))


def _check_plain(key: str, text: str) -> None:
    for item in text.split(","):
        match = _PLAIN.fullmatch(item)
        # APScheduler refuses a range that runs backwards; croniter would wrap it round
        if match is None or (match["high"] and int(match["low"]) > int(match["high"])):
            raise InvalidSchedule(
                '"{text}" cannot be read as {name}. Use numbers, 1-5, */5 or lists.',
                field=key,
                text=item[:40],
                name=key,
            )


def _day_fields(day: str, weekday: str) -> tuple[str, str]:
    """Return cron's day-of-month and day-of-week for APScheduler's `day` and `day_of_week`."""
    days: list[str] = []
    positions: list[str] = []
    for item in day.split(","):
        if position := _POSITION.fullmatch(item):
            positions.append(_position(position["nth"], position["day"]))
        elif item == "last":
            days.append("L")
        else:
            _check_plain("day", item)
            days.append(item)
    weekdays = _weekdays(weekday)
    by_step = len(days) == 1 and days[0].startswith("*") and not positions
    if weekdays != "*" and not by_step:
        raise InvalidSchedule(
            "day and day_of_week together mean days that match both; a cron expression cannot say that. "
            'Give one of them, or a position such as day="1st mon".',
            field="day_of_week",
        )
    if not positions:
        return ",".join(days), weekdays
    # cron joins the two fields with "or", as APScheduler joins a list, but only if neither starts with a star
    return ",".join(re.sub(r"^\*", "1-31", item) for item in days) or "*", ",".join(positions)


def _position(nth: str, day: str) -> str:
    number = _cron_weekday(day, "day")
    return f"L{number}" if nth == "last" else f"{number}#{nth[0]}"


def _cron_weekday(name: str, key: str) -> int:
    """Cron's number, Sunday = 0, for a name or for APScheduler's number, Monday = 0."""
    if name.isdecimal() and int(name) <= 6:
        return (int(name) + 1) % 7
    if name in _DAYS:
        return (_DAYS.index(name) + 1) % 7
    raise InvalidSchedule(
        '"{text}" is not a weekday. Use 0 (Monday) to 6 (Sunday), or mon to sun.', field=key, text=name[:40]
    )


def _weekdays(text: str) -> str:
    """Write weekdays by name, so that neither numbering can be mistaken for the other."""
    chosen: set[int] = set()
    for item in text.split(","):
        match = _WEEKDAYS.fullmatch(item)
        if match is None or match["step"] == "0":
            raise InvalidSchedule(
                '"{text}" is not a weekday. Use 0 to 6 or mon to sun.', field="day_of_week", text=item[:40]
            )
        low, high = _bounds(match)
        chosen.update(range(low, high + 1, int(match["step"] or 1)))
    if len(chosen) == 7:
        return "*"
    return ",".join(runs(sorted(chosen), lambda index: _DAYS[index], to="-"))


def _bounds(match: re.Match[str]) -> tuple[int, int]:
    if match["low"] is None:
        return 0, 6
    low = (_cron_weekday(match["low"], "day_of_week") - 1) % 7
    if match["high"] is None:
        return low, 6 if match["step"] else low
    high = (_cron_weekday(match["high"], "day_of_week") - 1) % 7
    if low > high:
        raise InvalidSchedule("A weekday range runs from Monday on. Write sat,sun,mon.", field="day_of_week")
    return low, high
