"""A cron expression as an English sentence."""

from common.domain.clockwork import clockwork
from common.domain.cron import Cron
from common.domain.cron_days import EVERY_DAY, EVERY_WEEKDAY, LAST, DayRule
from common.domain.wording import MONTHS, WEEKDAYS, listed, ordinal, runs


def sentence(cron: Cron) -> str:
    """Return, for example, "Weekdays at 08:30" or "Every 5 minutes, on Mondays, in January"."""
    time = clockwork(cron)
    tail = _months(cron) + _years(cron)
    days, only_if = _days(cron.days)
    tail = only_if + tail
    if time.shape != "at":
        return _capital(_rhythm(cron) + (f", on {days}" if days else "") + tail)
    at = f" at {listed(time.times)}"
    if date := _one_date(cron):
        return f"Every year on {date}{at}" if cron.years is None else f"On {date}{at}{_years(cron)}"
    return _capital((days or "every day").removeprefix("the ") + at + tail)


def _rhythm(cron: Cron) -> str:
    time = clockwork(cron)
    between = f" from {time.span[0]} to {time.span[1]}" if time.span else ""
    if time.shape == "seconds":
        return _every(time.step, "second")
    if time.shape == "minutes":
        return _every(time.step, "minute") + between
    if time.shape == "hours":
        return _every(time.step, "hour") + (between or (f" at :{time.minute:02}" if time.minute else ""))
    return _field_by_field(cron)


def _every(step: int, unit: str) -> str:
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _field_by_field(cron: Cron) -> str:
    hours = "every hour" if len(cron.hours) == 24 else _numbers("hour", cron.hours)
    minutes = "every minute" if len(cron.minutes) == 60 else _numbers("minute", cron.minutes)
    past = "" if len(cron.hours) == 24 and len(cron.minutes) == 60 else f" past {hours}"
    if cron.seconds == (0,):
        return ("" if len(cron.minutes) == 60 else "at ") + minutes + past
    seconds = "every second" if len(cron.seconds) == 60 else "at " + _numbers("second", cron.seconds)
    return f"{seconds} of {minutes}{past}"


def _numbers(unit: str, values: tuple[int, ...]) -> str:
    return f"{unit}{'s' if len(values) > 1 else ''} {', '.join(runs(values))}"


def _days(rule: DayRule) -> tuple[str, str]:
    """The days as they stand after "on", empty for every day, and a condition on them."""
    by_day = None if rule.days == EVERY_DAY else _days_of_month(rule)
    by_weekday = None if rule.weekdays == EVERY_WEEKDAY else _weekdays(rule)
    if by_day is None or by_weekday is None:
        return "" if rule.either else by_day or by_weekday or "", ""
    return (f"{by_day} or {by_weekday}", "") if rule.either else (by_weekday, f", only on {by_day}")


def _days_of_month(rule: DayRule) -> str:
    words = runs(sorted(rule.days), ordinal)
    words += ["last weekday" if day == 31 else f"weekday nearest the {ordinal(day)}" for day in sorted(rule.nearest)]
    words += ["last day"] if rule.last_day else []
    return f"the {listed(words)} of the month"


def _weekdays(rule: DayRule) -> str:
    if rule.nth:
        named = sorted(rule.nth, key=lambda pair: (pair[1] % 10, pair[0]))
        words = [f"{'last' if n == LAST else ordinal(n)} {WEEKDAYS[weekday]}" for weekday, n in named]
        return f"the {listed(words)} of the month"
    if rule.weekdays == {1, 2, 3, 4, 5}:
        return "weekdays"
    if rule.weekdays == {0, 6}:
        return "weekends"
    # counted from Monday, so that Saturday and Sunday stand together at the end
    from_monday = sorted((weekday - 1) % 7 for weekday in rule.weekdays)
    return listed(runs(from_monday, lambda weekday: f"{WEEKDAYS[(weekday + 1) % 7]}s"))


def _one_date(cron: Cron) -> str | None:
    """The date, when day and month name just one and nothing else plays in."""
    rule = cron.days
    plain = rule.weekdays == EVERY_WEEKDAY and not (rule.either or rule.last_day or rule.nearest)
    if not (plain and len(rule.days) == len(cron.months) == 1):
        return None
    return f"{min(rule.days)} {MONTHS[cron.months[0] - 1]}"


def _months(cron: Cron) -> str:
    if len(cron.months) == 12:
        return ""
    return f", in {listed(runs(cron.months, lambda month: MONTHS[month - 1]))}"


def _years(cron: Cron) -> str:
    return "" if cron.years is None else f", in {listed(runs(cron.years))}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
