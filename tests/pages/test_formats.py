"""Times, durations, sizes and numbers in both languages."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.formats import Locale, zone_of

NOW = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)
EN = Locale("en", NOW, ZoneInfo("Europe/Berlin"))
ZH = Locale("zh_CN", NOW, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0.02, "20 ms", "20 毫秒"),
        (3.14, "3.1 s", "3.1 秒"),
        (9.96, "10 s", "10 秒"),
        (41.2, "41 s", "41 秒"),
        (112, "1 min 52 s", "1 分 52 秒"),
        (65, "1 min 05 s", "1 分 05 秒"),
        (3600, "1 h 00 min", "1 小时 00 分"),
        (6 * 86400 + 13 * 3600, "6 days 13 h", "6 天 13 小时"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, en: str, zh: str) -> None:
    assert (EN.duration(seconds), ZH.duration(seconds)) == (en, zh)


@pytest.mark.parametrize(
    ("offset", "en", "zh"),
    [
        (timedelta(seconds=12), "in 12 s", "12 秒后"),
        (timedelta(seconds=161), "in 2 min 41 s", "2 分 41 秒后"),
        (timedelta(hours=3, minutes=28), "in 3 h 28 min", "3 小时 28 分后"),
        (timedelta(hours=25), "tomorrow 15:32", "明天 15:32"),
        (timedelta(days=6), "in 6 days", "6 天后"),
        (timedelta(0), "just now", "刚刚"),
        (-timedelta(seconds=18), "18 s ago", "18 秒前"),
        (-timedelta(minutes=27), "27 min ago", "27 分钟前"),
        (-timedelta(hours=12), "12 h ago", "12 小时前"),
        (-timedelta(hours=30), "yesterday 08:32", "昨天 08:32"),
        (-timedelta(days=6), "6 days ago", "6 天前"),
        (-timedelta(days=40), "13 Oct", "10 月 13 日"),
        (-timedelta(days=400), "18 Oct 2025", "2025 年 10 月 18 日"),
    ],
)
def test_instants_are_told_from_now(offset: timedelta, en: str, zh: str) -> None:
    assert (EN.relative(NOW + offset), ZH.relative(NOW + offset)) == (en, zh)


@pytest.mark.parametrize(
    ("size", "text"), [(412, "412 B"), (1500, "1.5 kB"), (214_000_000, "214 MB"), (999_900, "1.0 MB")]
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert EN.size(size) == text


def test_a_time_tag_has_the_instant_for_machines_and_the_zone_in_the_tooltip() -> None:
    tag = EN.time_tag(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    assert 'datetime="2026-11-23T01:00:00.000Z"' in tag
    assert 'title="2026-11-23 02:00:00 Europe/Berlin"' in tag


@pytest.mark.parametrize("name", ["", "Nowhere/Town", "../../etc/passwd", "x" * 100, None])
def test_a_zone_that_is_none_is_refused_quietly(name: str | None) -> None:
    assert zone_of(name) is None
