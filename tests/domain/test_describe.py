"""Sentences for schedules, in both languages: a table, and the promise that two schedules never sound the same."""

import re

import pytest

from common.domain.cron import Cron
from common.domain.cron_parse import parse_cron
from common.domain.describe import describe
from common.domain.triggers import InvalidSchedule
from common.domain.wording import Lang
from tests.domain import expressions
from tests.domain.support import cron, seeded
from tests.domain.test_reference import rota_form

CRON = [
    ("*/5 * * * *", "Every 5 minutes", "每 5 分钟"),
    ("* * * * *", "Every minute", "每分钟"),
    ("* * * * * *", "Every second", "每秒"),
    ("*/30 * * * * *", "Every 30 seconds", "每 30 秒"),
    ("0 */6 * * *", "Every 6 hours", "每 6 小时"),
    ("15 */6 * * *", "Every 6 hours at :15", "每 6 小时的第 15 分钟"),
    ("0 * * * *", "Every hour", "每小时"),
    ("5 * * * *", "Every hour at :05", "每小时的第 5 分钟"),
    ("0 2 * * *", "Every day at 02:00", "每天 02:00"),
    ("@daily", "Every day at 00:00", "每天 00:00"),
    ("@weekly", "Sundays at 00:00", "每周日 00:00"),
    ("@yearly", "Every year on 1 January at 00:00", "每年 1 月 1 日 00:00"),
    ("0 0,12 * * *", "Every day at 00:00 and 12:00", "每天 00:00、12:00"),
    ("15 30 8 * * *", "Every day at 08:30:15", "每天 08:30:15"),
    ("30 8 * * 1-5", "Weekdays at 08:30", "工作日 08:30"),
    ("30 8 * * 6,0", "Weekends at 08:30", "周末 08:30"),
    ("30 8 * * 1", "Mondays at 08:30", "每周一 08:30"),
    ("30 8 * * MON,FRI", "Mondays and Fridays at 08:30", "每周一、周五 08:30"),
    ("30 8 * * 1-6", "Mondays to Saturdays at 08:30", "每周一至周六 08:30"),
    ("30 3 1 * *", "1st of the month at 03:30", "每月 1 日 03:30"),
    ("30 3 1,15 * *", "1st and 15th of the month at 03:30", "每月 1 日、15 日 03:30"),
    ("0 9 L * *", "Last day of the month at 09:00", "每月最后一天 09:00"),
    ("0 9 15W * *", "Weekday nearest the 15th of the month at 09:00", "每月最接近 15 日的工作日 09:00"),
    ("0 9 LW * *", "Last weekday of the month at 09:00", "每月最后一个工作日 09:00"),
    ("0 9 * * 5#2", "2nd Friday of the month at 09:00", "每月第 2 个周五 09:00"),
    ("0 9 * * L5", "Last Friday of the month at 09:00", "每月最后一个周五 09:00"),
    ("0 0 13 * 5", "13th of the month or Fridays at 00:00", "每月 13 日或每周五 00:00"),
    ("0 0 13 * 0-6", "Every day at 00:00", "每天 00:00"),
    (
        "0 0 */15 * 1",
        "Mondays at 00:00, only on the 1st, 16th and 31st of the month",
        "每周一（仅限每月 1 日、16 日、31 日） 00:00",
    ),
    ("0 0 1-7 6-8 *", "1st to 7th of the month at 00:00, in June to August", "6 月至 8 月，每月 1 日至 7 日 00:00"),
    ("0 0 0 1 1 * 2027", "On 1 January at 00:00, in 2027", "2027 年，1 月 1 日 00:00"),
    ("*/5 8-17 * * 1-5", "Every 5 minutes from 08:00 to 17:55, on weekdays", "工作日，08:00 至 17:55 每 5 分钟"),
    ("5 9-17 * * *", "Every hour from 09:05 to 17:05", "09:05 至 17:05 每小时"),
    (
        "5,30 2-5 * 1 1,5",
        "At minutes 5, 30 past hours 2 to 5, on Mondays and Fridays, in January",
        "1 月，每周一、周五，2 至 5 点的第 5、30 分钟",
    ),
    ("*/25 * * * *", "At minutes 0, 25, 50 past every hour", "每小时的第 0、25、50 分钟"),
    ("30 * * * * *", "At second 30 of every minute", "每分钟的第 30 秒"),
    ("* 5 * * * *", "Every second of minute 5 past every hour", "每小时的第 5 分钟的每秒"),
]  # fmt: skip
LANGS: tuple[Lang, ...] = ("en", "zh")
OTHERS = [
    ("interval", "30s", "Every 30 seconds", "每 30 秒"),
    ("interval", "5m", "Every 5 minutes", "每 5 分钟"),
    ("interval", "1h", "Every hour", "每小时"),
    ("interval", "90m", "Every 1 hour 30 minutes", "每 1 小时 30 分钟"),
    ("interval", "10d", "Every 10 days", "每 10 天"),
    ("interval", "2w", "Every 2 weeks", "每 2 周"),
    ("once", "2026-11-23 09:00", "Once, on 2026-11-23 09:00", "仅一次，2026-11-23 09:00"),
    ("once", "2026-11-23T09:00:05Z", "Once, on 2026-11-23 17:00:05", "仅一次，2026-11-23 17:00:05"),
]


@pytest.mark.parametrize(("expr", "english", "chinese"), CRON)
def test_it_says_a_cron_expression(expr: str, english: str, chinese: str) -> None:
    assert describe(cron(expr), "en") == english
    assert describe(cron(expr), "zh") == chinese


@pytest.mark.parametrize(("kind", "expr", "english", "chinese"), OTHERS)
def test_it_says_the_other_kinds(kind: str, expr: str, english: str, chinese: str) -> None:
    assert describe((kind, expr, "Asia/Shanghai"), "en") == english
    assert describe((kind, expr, "Asia/Shanghai"), "zh") == chinese


def test_it_says_the_hour_that_h_stands_for() -> None:
    trigger = cron("H H * * *", hash_key="task-1")
    fire = trigger.next_after(expressions.FIRST)
    assert fire is not None
    assert describe(trigger) == f"Every day at {fire:%H:%M}"


def test_it_refuses_what_cannot_be_read() -> None:
    with pytest.raises(InvalidSchedule):
        describe(("cron", "* *", "UTC"))


def meaning(fields: Cron) -> tuple[object, ...]:
    """What a sentence must tell apart: times, the days of every shape of month, months, years."""
    shapes = [(weekday, length) for weekday in range(7) for length in (28, 29, 30, 31)]
    days = tuple(fields.days.in_month(*shape) for shape in shapes)
    return fields.seconds, fields.minutes, fields.hours, days, fields.months, fields.years


def test_two_schedules_that_differ_never_sound_the_same() -> None:
    rng = seeded("sentences")
    said: dict[str, tuple[str, tuple[object, ...]]] = {}
    for _ in range(1500):
        expr = rota_form(expressions.expression(rng))
        if rng.random() < 0.2:
            expr = f"{rng.choice(('*', '*/7', '*/20', '5', '0,1,2'))} {expr}"
        try:
            meant = meaning(parse_cron(expr))
        except InvalidSchedule:
            continue
        for lang in LANGS:
            sentence = describe(("cron", expr, "UTC"), lang)
            other, other_meant = said.setdefault(sentence, (expr, meant))
            assert meant == other_meant, f"{expr} and {other}: {sentence}"
    assert len(said) > 2000


def test_it_says_or_exactly_when_either_day_field_is_enough() -> None:
    rng = seeded("or")
    for _ in range(500):
        expr = rota_form(expressions.expression(rng))
        day, weekday = expr.split()[2], expr.split()[4]
        try:
            either = cron(expr)
        except InvalidSchedule:
            continue
        sentence = describe(either)
        starred = day.startswith("*") or weekday.startswith("*")
        assert not (starred and re.search(r"\bor\b", sentence)), expr
        if not starred and "very day" not in sentence and ", on" in sentence:
            assert " or " in sentence, expr
