"""What a cron expression may say, what it means, and how a refusal helps."""

import pytest

from common.domain.triggers import InvalidSchedule, upcoming
from tests.domain.support import NOW, cron


def walls(expr: str, count: int, *, hash_key: str = "") -> list[str]:
    """The next fires in UTC as "01-31 09:00", with seconds when there are any."""
    fires = upcoming(cron(expr, hash_key=hash_key), after=NOW, count=count)
    return [f"{fire:%m-%d %H:%M}" + (f":{fire:%S}" if fire.second else "") for fire in fires]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("0 9 * * *", ["01-01 09:00", "01-02 09:00"]),
        ("15 0 9 * * *", ["01-01 09:00:15", "01-02 09:00:15"]),  # seconds come first
        ("*/20 59 23 31 12 * 2026", ["12-31 23:59", "12-31 23:59:20", "12-31 23:59:40"]),
        ("0 9 L * *", ["01-31 09:00", "02-28 09:00", "03-31 09:00"]),
        ("0 9 15W * *", ["01-15 09:00", "02-16 09:00", "03-16 09:00", "04-15 09:00"]),
        ("0 9 1W * *", ["01-01 09:00", "02-02 09:00"]),
        ("0 9 LW * *", ["01-30 09:00", "02-27 09:00", "03-31 09:00"]),
        ("0 9 * * 5#2", ["01-09 09:00", "02-13 09:00"]),
        ("0 9 * * fri#5", ["01-30 09:00", "05-29 09:00"]),
        ("0 9 * * L5", ["01-30 09:00", "02-27 09:00"]),
        ("0 9 ? * MON-WED", ["01-05 09:00", "01-06 09:00", "01-07 09:00", "01-12 09:00"]),
        ("0 9 * JAN,Mar SUN", ["01-04 09:00", "01-11 09:00", "01-18 09:00", "01-25 09:00", "03-01 09:00"]),
        ("0 9 * * 7", ["01-04 09:00", "01-11 09:00"]),
        ("0 9 * * 0", ["01-04 09:00", "01-11 09:00"]),
        ("0 9 * * 5-7", ["01-02 09:00", "01-03 09:00", "01-04 09:00", "01-09 09:00"]),
        ("0 22-1/1 * * *", ["01-01 01:00", "01-01 22:00", "01-01 23:00", "01-02 00:00"]),
        ("50/5 * * * *", ["01-01 00:50", "01-01 00:55", "01-01 01:50"]),
        ("59/15 * * * *", ["01-01 00:59", "01-01 01:59"]),
        ("5-5 * * * *", ["01-01 00:05", "01-01 01:05"]),  # croniter alone: every minute
        ("0 9 * * mon-mon", ["01-05 09:00", "01-12 09:00"]),
        ("@hourly", ["01-01 01:00", "01-01 02:00"]),
        ("@daily", ["01-02 00:00", "01-03 00:00"]),
        ("@midnight", ["01-02 00:00"]),
        ("@weekly", ["01-04 00:00", "01-11 00:00"]),
        ("@Monthly", ["02-01 00:00", "03-01 00:00"]),
        ("@yearly", ["01-01 00:00"]),
        ("@annually", ["01-01 00:00"]),
        ("  0   9 \t * * *  ", ["01-01 09:00"]),
    ],
)
def test_it_means(expr: str, expected: list[str]) -> None:
    assert walls(expr, len(expected)) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        # both restricted: either matches, `#`, `L` and `W` included
        ("0 9 13 * 5", ["01-02 09:00", "01-09 09:00", "01-13 09:00", "01-16 09:00"]),
        ("0 9 20 * 5#2", ["01-09 09:00", "01-20 09:00", "02-13 09:00"]),
        ("0 9 L * 1", ["01-05 09:00", "01-12 09:00", "01-19 09:00", "01-26 09:00", "01-31 09:00"]),
        ("0 9 15W * L5", ["01-15 09:00", "01-30 09:00", "02-16 09:00"]),
        ("0 9 31 2 1", ["02-02 09:00", "02-09 09:00"]),
        # a field that starts with a star is not restricted: both must match
        ("0 9 */2 * 1", ["01-05 09:00", "01-19 09:00"]),
        ("0 9 13 * */5", ["02-13 09:00", "03-13 09:00", "09-13 09:00"]),
    ],
)
def test_it_joins_the_two_day_fields_as_cron_does(expr: str, expected: list[str]) -> None:
    assert walls(expr, len(expected)) == expected


def test_it_takes_the_leap_day() -> None:
    assert [fire.year for fire in upcoming(cron("0 0 29 2 *"), after=NOW, count=3)] == [2028, 2032, 2036]
    # 29 February on a Sunday, across the year 2100 that has none
    assert [fire.year for fire in upcoming(cron("0 0 29 2 */7"), after=NOW, count=4)] == [2032, 2060, 2088, 2128]


def test_h_is_stable_for_a_key_spread_over_keys_and_within_its_range() -> None:
    one = walls("H H(1-5) H * *", 3, hash_key="task-1")
    assert one == walls("H H(1-5) H * *", 3, hash_key="task-1")
    spread = {walls("H H(1-5) H * *", 1, hash_key=f"task-{n}")[0] for n in range(60)}
    assert len(spread) > 40
    assert {fire[6:8] for fire in spread} <= {"01", "02", "03", "04", "05"}


def test_h_as_a_day_exists_in_every_month() -> None:
    days = {walls("0 0 H * *", 1, hash_key=f"task-{n}")[0][3:5] for n in range(300)}
    assert max(days) <= "28"
    assert len(days) > 20


def test_h_with_a_step_keeps_the_step() -> None:
    minutes = [int(fire[-2:]) for fire in walls("H/15 * * * *", 4, hash_key="task-1")]
    assert [(later - minutes[0]) % 60 for later in minutes] == [0, 15, 30, 45]


@pytest.mark.parametrize(
    ("expr", "way_out"),
    [
        ("", "five fields"),
        ("* * *", "5 fields"),
        ("* * * * * * * *", "this has 8 fields"),
        ("@reboot", "not a time"),
        ("@every 5m", '"interval"'),
        ("@fortnightly", "@weekly"),
        ("TZ=UTC 0 0 * * *", "time zone field"),
        ("R * * * *", "Use H"),
        ("0 R(0-5) * * *", "Use H"),
        ("0 0 0 1 1 * H", "Write the years"),
        ("60 * * * *", "0 to 59"),
        ("0 24 * * *", "Midnight is hour 0"),
        ("0 0 0 * *", "1 to 31"),
        ("0 0 * 13 *", "JAN to DEC"),
        ("0 0 * * 8", "SUN to SAT"),
        ("0 0 * * 5L", "L5"),
        ("0 0 * * 1,5#2", "cannot be mixed"),
        ("0 0 * * 0-6,5#2", "cannot be mixed"),
        ("0 0 * * 5#6", "second Friday"),
        ("0 0 L-3 * *", "Counting back"),
        ("0 0 1,15W * *", "day of month"),
        ("0,H * * * *", "H stands alone"),
        ("*/0 * * * *", "minute field"),
        ("-1 * * * *", "minute field"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("0 0 0 29 2 * 2027", "never fires"),
        ("0 0 0 1 1 * 2025", "years of this schedule are over"),
        ("1" * 201, "200 characters"),
        ("０ ２ * * *", '"0 2 * * *"'),
        ("0 2 * * 1，3", '"0 2 * * 1,3"'),
        ("0 2 1、15 * *", '"0 2 1,15 * *"'),
        ("0　2　＊ ＊ ＊", '"0 2 * * *"'),
        ("0 2 * * 周一", "plain digits"),
        ("é * * * *", "plain digits"),
    ],
)
def test_a_refusal_says_what_to_write_instead(expr: str, way_out: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        cron(expr)
    assert way_out in str(refusal.value)
    assert refusal.value.field == "expr"


def test_spaces_that_only_look_like_spaces_are_named() -> None:
    with pytest.raises(InvalidSchedule, match='Did you mean "0 2'):
        cron("0\u00a02\u00a0* * *")
