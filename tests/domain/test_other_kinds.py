"""Intervals, single instants, and time zone names."""

from datetime import UTC, datetime, timedelta

import pytest

from common.domain.triggers import InvalidSchedule, Trigger, parse, preview, upcoming
from tests.domain.support import NOW, at


def interval(expr: str, *, start_at: datetime | None = None, anchor: datetime | None = None) -> Trigger:
    return parse("interval", expr, start_at=start_at, anchor=anchor, now=NOW)


@pytest.mark.parametrize(
    ("expr", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86_400),
        ("1w", 604_800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("90", 90),
        ("5 minutes", 300),
        ("1 hour 5 sec", 3605),
        ("2 Days", 172_800),
    ],
)
def test_it_reads_a_length(expr: str, seconds: int) -> None:
    first, second = upcoming(interval(expr), after=NOW, count=2)
    assert second - first == timedelta(seconds=seconds)


@pytest.mark.parametrize("expr", ["", "m", "1.5h", "-5m", "5x", "1h1h", "5m!", "0s", "0", "99999w", "９s", "5 m 3"])
def test_it_refuses_what_is_no_length(expr: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        interval(expr)
    assert refusal.value.field == "expr"


def test_intervals_sit_on_a_grid_around_their_anchor() -> None:
    trigger = interval("7m", anchor=at("2026-01-01T00:03Z"))
    assert trigger.next_after(at("2026-01-01T00:03Z")) == at("2026-01-01T00:10Z")
    assert trigger.next_after(at("2026-01-01T00:09:59.5Z")) == at("2026-01-01T00:10Z")
    assert trigger.next_after(at("2025-12-31T23:57Z")) == at("2026-01-01T00:03Z")


def test_an_interval_without_anchor_counts_from_its_start_and_without_start_from_1970() -> None:
    started = interval("1h", start_at=at("2026-01-01T00:20Z"))
    assert upcoming(started, after=NOW, count=2) == [at("2026-01-01T00:20Z"), at("2026-01-01T01:20Z")]
    assert interval("1h").next_after(at("2026-01-01T00:20Z")) == at("2026-01-01T01:00Z")


def test_a_day_long_interval_is_24_real_hours_and_says_so_where_clocks_change() -> None:
    trigger = parse("interval", "1d", timezone="Europe/Berlin", anchor=at("2026-03-28T01:30Z"), now=NOW)
    assert upcoming(trigger, after=at("2026-03-28T00:00Z"), count=2) == [
        at("2026-03-28T01:30Z"),
        at("2026-03-29T01:30Z"),
    ]
    assert [note.code for note in preview(trigger, after=NOW, count=2).warnings] == ["real_time"]
    assert not preview(interval("1d"), after=NOW, count=2).warnings


def once(expr: str, zone: str = "UTC") -> datetime | None:
    return parse("once", expr, timezone=zone, now=NOW).next_after(NOW)


def test_once_is_wall_time_of_its_zone_unless_it_names_an_offset() -> None:
    assert once("2026-11-23 09:00", "Asia/Shanghai") == at("2026-11-23T01:00Z")
    assert once("2026-11-23T09:00:00+02:00", "Asia/Shanghai") == at("2026-11-23T07:00Z")
    assert once("2026-11-23", "Asia/Shanghai") == at("2026-11-22T16:00Z")


def test_once_never_fires_again() -> None:
    trigger = parse("once", "2026-11-23T09:00Z", now=NOW)
    assert trigger.next_after(at("2026-11-23T09:00Z")) is None


@pytest.mark.parametrize(
    ("expr", "fires", "code"),
    [("2026-03-29 02:30", "2026-03-29T01:00Z", "gap"), ("2026-10-25 02:30", "2026-10-25T00:30Z", "first")],
)
def test_once_follows_the_rule_where_the_clock_changes(expr: str, fires: str, code: str) -> None:
    trigger = parse("once", expr, timezone="Europe/Berlin", now=NOW)
    (shown,) = preview(trigger, after=NOW, count=3).next
    assert shown.utc == at(fires)
    assert shown.note is not None
    assert shown.note.code == code


@pytest.mark.parametrize(
    ("expr", "way_out"),
    [
        ("2025-12-31 23:59", "run the task now"),
        ("2026-01-01T00:00Z", "run the task now"),
        ("tomorrow", "2026-11-23 09:00"),
        ("0001-01-01T00:00+23:59", "2026-11-23 09:00"),
        ("2026-02-30 00:00", "2026-11-23 09:00"),
        ("", "2026-11-23 09:00"),
    ],
)
def test_once_refuses_the_past_and_what_is_no_date(expr: str, way_out: str) -> None:
    with pytest.raises(InvalidSchedule, match=way_out):
        once(expr)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("Asia/Beijing", "Asia/Shanghai"),
        ("beijing", "Asia/Shanghai"),
        ("GMT+8", "Asia/Shanghai"),
        ("China Standard Time", "Asia/Shanghai"),
        ("北京", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Asia/Shangai", "Asia/Shanghai"),
        ("Berlin", "Europe/Berlin"),
        ("Europe/Munich", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("PST", "America/Los_Angeles"),
        ("Neverland/Nowhere", "Use a name such as"),
        ("../../etc/passwd", "Use a name such as"),
        ("", "Use a name such as"),
        ("x" * 5000, "Use a name such as"),
        ("Europe/Berlin\0", "Did you mean"),
    ],
)
def test_a_zone_that_does_not_exist_is_answered_with_one_that_does(name: str, suggested: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        parse("cron", "0 0 * * *", timezone=name, now=NOW)
    assert refusal.value.field == "timezone"
    assert suggested in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_instants_come_back_in_utc_whatever_zone_they_were_given_in() -> None:
    tokyo = datetime.fromisoformat("2026-05-01T09:00:00.5+09:00")
    trigger = parse("interval", "1h", start_at=tokyo, anchor=tokyo, now=NOW)
    assert (trigger.start_at, trigger.anchor) == (at("2026-05-01T00:00:01Z"), at("2026-05-01T00:00Z"))
    fire = trigger.next_after(tokyo)
    assert fire == at("2026-05-01T01:00Z")
    assert fire.tzinfo is UTC
