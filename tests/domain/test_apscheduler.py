"""APScheduler-style objects: what they become, and which are refused with which reason."""

from typing import Any

import pytest

from common.domain.apscheduler import translate
from common.domain.triggers import InvalidSchedule, parse, upcoming
from tests.domain.support import NOW, at


@pytest.mark.parametrize(
    ("fields", "expr"),
    [
        # the examples of the APScheduler guide in the seed
        ({"minute": "*"}, "* * * * *"),
        ({"minute": 15}, "15 * * * *"),
        ({"hour": 10, "minute": 30}, "30 10 * * *"),
        ({"day_of_week": "mon", "hour": 10, "minute": 30}, "30 10 * * mon"),
        ({"day": "1,15", "hour": 10, "minute": 30}, "30 10 1,15 * *"),
        ({"month": "1", "day": "1", "hour": 0, "minute": 0}, "0 0 1 1 *"),
        # smaller than the smallest given: minimum; larger: every
        ({"hour": 10}, "0 10 * * *"),
        ({"day": 5}, "0 0 5 * *"),
        ({"month": "*/3"}, "0 0 1 */3 *"),
        ({"year": 2027}, "0 0 0 1 1 * 2027"),
        ({"day_of_week": "sun"}, "0 0 * * sun"),
        ({"second": "*/10"}, "*/10 * * * * *"),
        ({"second": 30, "minute": 5}, "30 5 * * * *"),
        ({"year": "2027", "second": 5, "hour": "8-17/3"}, "5 * 8-17/3 * * * 2027"),
        # weekdays count from Monday
        ({"day_of_week": 0}, "0 0 * * mon"),
        ({"day_of_week": "6"}, "0 0 * * sun"),
        ({"day_of_week": "0-4"}, "0 0 * * mon-fri"),
        ({"day_of_week": "mon-fri, 6"}, "0 0 * * mon-fri,sun"),
        ({"day_of_week": "*/2"}, "0 0 * * mon,wed,fri,sun"),
        ({"day_of_week": "0-6"}, "0 0 * * *"),
        # days by position
        ({"day": "last"}, "0 0 L * *"),
        ({"day": "2nd fri"}, "0 0 * * 5#2"),
        ({"day": "1st sun, 3rd sun"}, "0 0 * * 0#1,0#3"),
        ({"day": "last fri"}, "0 0 * * L5"),
        ({"day": "15, last fri"}, "0 0 15 * L5"),
        ({"day": "*/10, 2nd tue"}, "0 0 1-31/10 * 2#2"),
        ({"day": "*/2", "day_of_week": "mon"}, "0 0 */2 * mon"),
        ({"week": "*", "hour": "3"}, "0 3 * * *"),
        ({"trigger": "cron", "hour": 3, "minute": None}, "0 3 * * *"),
    ],
)
def test_it_translates_cron_fields(fields: dict[str, Any], expr: str) -> None:
    translated = translate(fields)
    assert (translated["kind"], translated["expr"]) == ("cron", expr)


@pytest.mark.parametrize(
    ("fields", "expr"),
    [
        ({"seconds": 5}, "5s"),
        ({"minutes": 10}, "10m"),
        ({"hours": 2}, "2h"),
        ({"days": 3}, "3d"),
        ({"weeks": 2}, "2w"),
        ({"hours": 1, "minutes": 30}, "1h30m"),
        ({"minutes": "90"}, "90m"),
    ],
)
def test_it_translates_intervals(fields: dict[str, Any], expr: str) -> None:
    translated = translate(fields)
    assert (translated["kind"], translated["expr"]) == ("interval", expr)


def test_it_keeps_zone_window_and_jitter() -> None:
    fields = {
        "minute": 15,
        "day_of_week": "mon",
        "hour": 10,
        "start_date": "2026-10-01 00:00:00",
        "end_date": "2027-10-31 23:59:59",
        "timezone": "Asia/Shanghai",
        "jitter": 30,
    }
    translated = translate(fields)
    assert translated == {
        "kind": "cron",
        "expr": "15 10 * * mon",
        "timezone": "Asia/Shanghai",
        "start_at": at("2026-09-30T16:00Z"),
        "end_at": at("2027-10-31T15:59:59Z"),
        "jitter": 30,
    }
    assert upcoming(parse(**translated, now=NOW), after=NOW, count=1) == [at("2026-10-05T02:15Z")]


def test_an_interval_counts_from_its_start_date() -> None:
    translated = translate({"days": 3, "start_date": "2026-02-01 08:00", "timezone": "Asia/Shanghai"})
    fires = upcoming(parse(**translated, now=NOW), after=NOW, count=2)
    assert fires == [at("2026-02-01T00:00Z"), at("2026-02-04T00:00Z")]


def test_a_run_date_is_a_single_instant_and_the_default_zone_holds() -> None:
    translated = translate({"run_date": "2026-02-01 08:00"}, timezone="Asia/Tokyo")
    assert (translated["kind"], translated["timezone"]) == ("once", "Asia/Tokyo")
    assert upcoming(parse(**translated, now=NOW), after=NOW, count=2) == [at("2026-01-31T23:00Z")]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "cron", "not both"),
        ({"timezone": "Asia/Shanghai"}, "cron", "not both"),
        ({"minutes": 5, "hour": 3}, "cron", "not both"),
        ({"weekday": 1}, "weekday", "day_of_week"),
        ({"week": 3}, "week", "ISO weeks"),
        ({"day": 1, "day_of_week": "mon"}, "day_of_week", "both"),
        ({"day": "2nd fri", "day_of_week": "mon"}, "day_of_week", "both"),
        ({"day_of_week": 7}, "day_of_week", "6 (Sunday)"),
        ({"day_of_week": "sat-mon"}, "day_of_week", "sat,sun,mon"),
        ({"day_of_week": "*/0"}, "day_of_week", "mon to sun"),
        ({"day": "3rd xyz"}, "day", "mon to sun"),
        ({"day": "6th mon"}, "day", "cannot be read"),
        ({"hour": "22-2"}, "hour", "cannot be read"),
        ({"hour": 25}, "expr", "0 to 23"),
        ({"hour": True}, "hour", "number or text"),
        ({"hour": [1, 2]}, "hour", "number or text"),
        ({"month": 2, "day": 30}, "expr", "never fires"),
        ({"seconds": 1.5}, "seconds", "whole number"),
        ({"seconds": -1}, "seconds", "whole number"),
        ({"hour": 3, "start_date": "soon"}, "start_date", "2026-11-23 09:00"),
        ({"hour": 3, "timezone": "Asia/Beijing"}, "timezone", "Asia/Shanghai"),
    ],
)
def test_it_refuses_with_a_reason(fields: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        translate(fields)
    assert refusal.value.field == field
    assert reason in str(refusal.value)


def test_an_interval_of_nothing_is_refused_when_parsed() -> None:
    with pytest.raises(InvalidSchedule, match="1 second"):
        parse(**translate({"seconds": 0}), now=NOW)
