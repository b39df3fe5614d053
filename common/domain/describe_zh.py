"""A cron expression as a Chinese sentence: years, months, days, time, the order Chinese has them in."""

from common.domain.clockwork import clockwork
from common.domain.cron import Cron
from common.domain.cron_days import EVERY_DAY, EVERY_WEEKDAY, LAST, DayRule
from common.domain.wording import WEEKDAYS_ZH, runs

_TO = " 至 "


def sentence(cron: Cron) -> str:
    """Return, for example, "工作日 08:30" or "1 月，每周一，每 5 分钟"."""
    time = clockwork(cron)
    head = [*_years(cron), *_months(cron)]
    days = _days(cron.days)
    if time.shape != "at":
        return "，".join([*head, *([days] if days else []), _rhythm(cron)])
    at = "、".join(time.times)
    if date := _one_date(cron):
        return f"每年 {date} {at}" if cron.years is None else "，".join([*_years(cron), f"{date} {at}"])
    return "，".join([*head, f"{days or '每天'} {at}"])


def _rhythm(cron: Cron) -> str:
    time = clockwork(cron)
    between = f"{time.span[0]}{_TO}{time.span[1]} " if time.span else ""
    if time.shape == "seconds":
        return _every(time.step, "秒")
    if time.shape == "minutes":
        return between + _every(time.step, "分钟")
    if time.shape == "hours":
        minute = f"的第 {time.minute} 分钟" if time.minute and not between else ""
        return between + _every(time.step, "小时") + minute
    return _field_by_field(cron)


def _every(step: int, unit: str) -> str:
    return f"每{unit}" if step == 1 else f"每 {step} {unit}"


def _field_by_field(cron: Cron) -> str:
    hours = "每小时" if len(cron.hours) == 24 else f"{_numbers(cron.hours)} 点"
    minutes = "每分钟" if len(cron.minutes) == 60 else f"第 {_numbers(cron.minutes)} 分钟"
    text = "每分钟" if len(cron.minutes) == 60 and len(cron.hours) == 24 else f"{hours}的{minutes}"
    if cron.seconds == (0,):
        return text
    return f"{text}的" + ("每秒" if len(cron.seconds) == 60 else f"第 {_numbers(cron.seconds)} 秒")


def _numbers(values: tuple[int, ...]) -> str:
    return "、".join(runs(values, to=_TO))


def _days(rule: DayRule) -> str | None:
    """The days, None for every day."""
    by_day = None if rule.days == EVERY_DAY else _days_of_month(rule)
    by_weekday = None if rule.weekdays == EVERY_WEEKDAY else _weekdays(rule)
    if by_day is None or by_weekday is None:
        return None if rule.either else by_day or by_weekday
    return f"{by_day}或{by_weekday}" if rule.either else f"{by_weekday}（仅限{by_day}）"


def _days_of_month(rule: DayRule) -> str:
    words = runs(sorted(rule.days), lambda day: f"{day} 日", to="至 ")
    words += ["最后一个工作日" if day == 31 else f"最接近 {day} 日的工作日" for day in sorted(rule.nearest)]
    words += ["最后一天"] if rule.last_day else []
    text = "、".join(words)
    return f"每月 {text}" if text[0].isdigit() else f"每月{text}"


def _weekdays(rule: DayRule) -> str:
    if rule.nth:
        named = sorted(rule.nth, key=lambda pair: (pair[1] % 10, pair[0]))
        words = [f"{'最后一个' if n == LAST else f'第 {n} 个'}{WEEKDAYS_ZH[weekday]}" for weekday, n in named]
        return "每月" + "、".join(words)
    if rule.weekdays == {1, 2, 3, 4, 5}:
        return "工作日"
    if rule.weekdays == {0, 6}:
        return "周末"
    from_monday = sorted((weekday - 1) % 7 for weekday in rule.weekdays)
    return "每" + "、".join(runs(from_monday, lambda weekday: WEEKDAYS_ZH[(weekday + 1) % 7], to="至"))


def _one_date(cron: Cron) -> str | None:
    rule = cron.days
    plain = rule.weekdays == EVERY_WEEKDAY and not (rule.either or rule.last_day or rule.nearest)
    if not (plain and len(rule.days) == len(cron.months) == 1):
        return None
    return f"{cron.months[0]} 月 {min(rule.days)} 日"


def _months(cron: Cron) -> list[str]:
    return [] if len(cron.months) == 12 else ["、".join(runs(cron.months, lambda month: f"{month} 月", to="至 "))]


def _years(cron: Cron) -> list[str]:
    return [] if cron.years is None else ["、".join(runs(cron.years, lambda year: f"{year} 年", to="至 "))]
