"""Says in words when a schedule fires, in English and Chinese; right before short.

Own words rather than a library's: cron-descriptor takes weekday names from the process locale ("在 09:00, Monday
到 Friday") and raises on `@daily` and `H`. Where no simple sentence is exact, the fields are said one by one.
"""

from datetime import timedelta

from common.domain import describe_en, describe_zh
from common.domain.cron_parse import parse_cron
from common.domain.interval import parse_interval
from common.domain.notes import clock
from common.domain.once import parse_once
from common.domain.trigger import Trigger
from common.domain.wording import Lang
from common.domain.zones import zone

_UNITS = (("week", "周", 604_800), ("day", "天", 86_400), ("hour", "小时", 3_600), ("minute", "分钟", 60))


def describe(schedule: Trigger | tuple[str, str, str], lang: Lang = "en") -> str:
    """Return the sentence for a trigger or a (kind, expr, timezone) triple; times are the zone's wall time.

    Raises InvalidSchedule for what `triggers.parse` would refuse as unreadable.
    """
    trigger = schedule if isinstance(schedule, Trigger) else Trigger(*schedule)
    trigger.timeline()
    if trigger.kind == "interval":
        return _interval(parse_interval(trigger.expr), lang)
    if trigger.kind == "once":
        return _once(trigger, lang)
    cron = parse_cron(trigger.expr, trigger.hash_key)
    return describe_zh.sentence(cron) if lang == "zh" else describe_en.sentence(cron)


def _interval(length: timedelta, lang: Lang) -> str:
    left = int(length.total_seconds())
    parts: list[tuple[int, str, str]] = []
    for unit, unit_zh, size in (*_UNITS, ("second", "秒", 1)):
        # a week is a good word for whole weeks only
        if left >= size and (unit != "week" or left % size == 0):
            parts.append((left // size, unit, unit_zh))
            left %= size
    if len(parts) == 1 and parts[0][0] == 1:
        return f"每{parts[0][2]}" if lang == "zh" else f"Every {parts[0][1]}"
    if lang == "zh":
        return "每 " + " ".join(f"{number} {unit_zh}" for number, _, unit_zh in parts)
    return "Every " + " ".join(f"{number} {unit}{'s' if number > 1 else ''}" for number, unit, _ in parts)


def _once(trigger: Trigger, lang: Lang) -> str:
    here = zone(trigger.timezone)
    moment = parse_once(trigger.expr, here).instant.astimezone(here)
    text = f"{moment.date().isoformat()} {clock(moment)}"
    return f"仅一次，{text}" if lang == "zh" else f"Once, on {text}"
