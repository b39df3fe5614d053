"""What holds for every trigger: order, windows, counting, jitter, and refusals of the settings around it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from common.domain.triggers import InvalidSchedule, Trigger, jittered, parse, upcoming
from tests.domain import expressions
from tests.domain.support import NOW, at, cron, seeded
from tests.domain.test_reference import accepted

SECOND = timedelta(seconds=1)
NAIVE = NOW.replace(tzinfo=None)


def test_every_fire_lies_after_its_question_and_is_found_from_just_before_it() -> None:
    """Over all zones and years 1850 to 9900, historic offsets with seconds included."""
    rng = seeded("order")
    zones = sorted(available_timezones())
    for _ in range(1500):
        name, expr = rng.choice(zones), expressions.expression(rng)
        if rng.random() < 0.3:
            expr = f"{rng.choice(('*', '*/7', '5,59', '30'))} {expr}"
        if (trigger := accepted(expr, name, NOW)) is None:
            continue
        after = datetime(rng.choice((1850, 1883, 1916, 1945, 1970, 2011, 2026, 2099, 9900)), 1, 1, tzinfo=UTC)
        after += timedelta(seconds=rng.randrange(366 * 86_400), microseconds=rng.choice((0, 1, 999_999)))
        first, second = upcoming(trigger, after=after, count=2)
        assert after < first < second, (expr, name, after)
        assert trigger.next_after(first - timedelta(microseconds=1)) == first, (expr, name, after)
        assert trigger.next_after(first - SECOND) == first, (expr, name, after)
        assert trigger.count(after, second) == 2, (expr, name, after)


def test_seconds_multiply_minutes_where_schedules_follow_real_time() -> None:
    rng = seeded("seconds")
    for _ in range(200):
        name = rng.choice(expressions.LIVELY)
        minutes = f"{rng.choice(('*', '*/9', '*/30'))} {rng.choice(('*', '*/2', '1-3'))} * * *"
        after = expressions.start(rng, ZoneInfo(name)).replace(second=0)
        expected = [
            fire + second * SECOND for fire in upcoming(cron(minutes, name), after=after, count=5) for second in (5, 50)
        ]
        assert upcoming(cron(f"5,50 {minutes}", name), after=after + 59 * SECOND, count=10) == expected, (
            minutes,
            name,
            after,
        )


def test_the_window_is_inclusive_at_both_ends() -> None:
    trigger = parse("cron", "0 * * * *", start_at=at("2026-05-01T03:00Z"), end_at=at("2026-05-01T05:00Z"), now=NOW)
    assert upcoming(trigger, after=NOW, count=9) == [at(f"2026-05-01T0{hour}:00Z") for hour in (3, 4, 5)]
    assert trigger.count(NOW, at("2027-01-01T00:00Z")) == 3
    assert trigger.newest(NOW, at("2027-01-01T00:00Z"), 2) == [at("2026-05-01T04:00Z"), at("2026-05-01T05:00Z")]


def test_it_stands_the_ends_of_time() -> None:
    for trigger in (
        cron("* * * * *", "Asia/Tokyo"),
        cron("0 0 * * *", "America/New_York"),
        parse("interval", "1w", now=NOW),
    ):
        assert trigger.next_after(datetime.max.replace(tzinfo=UTC)) is None
        assert trigger.next_after(datetime(9999, 12, 31, tzinfo=UTC)) is None
        first = trigger.next_after(datetime.min.replace(tzinfo=UTC))
        assert first is not None
        assert trigger.count(datetime.min.replace(tzinfo=UTC), first) == 1


@pytest.mark.parametrize(
    ("expr", "kind"),
    [("* * * * * *", "cron"), ("0 2,3 * * *", "cron"), ("*/7 * * * *", "cron"), ("1s", "interval"), ("7m", "interval")],
)
def test_counting_equals_walking(expr: str, kind: str) -> None:
    trigger = parse(kind, expr, timezone="Europe/Berlin", now=NOW)
    after, until = at("2026-03-29T00:13:07.5Z"), at("2026-03-29T02:02:03Z")
    walked = trigger.between(after, until)
    assert trigger.count(after, until) == len(walked)
    for limit in (1, 3, 100):
        assert trigger.newest(after, until, limit) == walked[-limit:]


def test_newest_walks_only_what_it_returns() -> None:
    trigger = cron("* * * * * *", "Europe/Berlin")
    newest = trigger.newest(NOW, at("2036-01-01T00:00Z"), 3)
    assert newest == [at("2035-12-31T23:59:58Z"), at("2035-12-31T23:59:59Z"), at("2036-01-01T00:00:00Z")]


def test_jitter_is_stable_bounded_and_leaves_the_instant_alone() -> None:
    trigger = parse("cron", "0 * * * *", hash_key="task-1", jitter=60, now=NOW)
    fires = upcoming(trigger, after=NOW, count=100)
    assert fires == upcoming(cron("0 * * * *"), after=NOW, count=100)
    delays = [jittered(trigger, fire) - fire for fire in fires]
    assert delays == [jittered(trigger, fire) - fire for fire in fires]
    assert all(timedelta(0) <= delay <= timedelta(seconds=60) for delay in delays)
    assert len(set(delays)) > 90
    other = parse("cron", "0 * * * *", hash_key="task-2", jitter=60, now=NOW)
    assert jittered(other, fires[0]) != jittered(trigger, fires[0])
    assert jittered(cron("0 * * * *"), fires[0]) == fires[0]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"kind": "hourly"}, "kind"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"jitter": -1}, "jitter"),
        ({"jitter": 100_000}, "jitter"),
        ({"jitter": True}, "jitter"),
        ({"start_at": NAIVE}, "start_at"),
        ({"end_at": NAIVE}, "end_at"),
        ({"start_at": at("2026-05-02T00:00Z"), "end_at": at("2026-05-01T00:00Z")}, "end_at"),
        ({"end_at": at("2025-05-01T00:00Z")}, "end_at"),
        ({"end_at": at("2026-01-01T00:30Z")}, "end_at"),
    ],
)
def test_it_refuses_settings_and_names_the_field(settings: dict[str, object], field: str) -> None:
    arguments: dict[str, object] = {"kind": "cron", "expr": "0 9 * * *", "now": NOW, **settings}
    with pytest.raises(InvalidSchedule) as refusal:
        parse(**arguments)  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_a_row_read_back_needs_no_second_check() -> None:
    checked = cron("30 2 * * *", "Europe/Berlin")
    read_back = Trigger("cron", "30 2 * * *", "Europe/Berlin")
    assert read_back == checked
    assert read_back.next_after(NOW) == checked.next_after(NOW)
