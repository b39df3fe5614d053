"""The time rules of the design, vector by vector (`reliability.md` section 4)."""

import pytest

from common.domain.triggers import upcoming
from tests.domain.support import at, cron

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"

# zone, expression, after, the next fires in UTC. `after` is chosen so that "none" and "only" are tested too.
VECTORS = [
    (BERLIN, "30 2 * * *", "03-27T12:00", "03-28T01:30 03-29T01:00 03-30T00:30"),
    (BERLIN, "0,30 2 * * *", "03-28T12:00", "03-29T01:00 03-30T00:00 03-30T00:30"),
    (BERLIN, "0 2,3 * * *", "03-28T12:00", "03-29T01:00 03-30T00:00 03-30T01:00"),
    (BERLIN, "*/15 * * * *", "03-29T00:15", "03-29T00:30 03-29T00:45 03-29T01:00 03-29T01:15 03-29T01:30"),
    (BERLIN, "*/15 2 * * *", "03-28T12:00", "03-30T00:00 03-30T00:15 03-30T00:30 03-30T00:45 03-31T00:00"),
    (BERLIN, "0 */2 * * *", "03-28T21:00", "03-28T23:00 03-29T02:00 03-29T04:00"),
    (BERLIN, "30 2 * * *", "10-23T12:00", "10-24T00:30 10-25T00:30 10-26T01:30"),
    (BERLIN, "*/30 * * * *", "10-24T23:30", "10-25T00:00 10-25T00:30 10-25T01:00 10-25T01:30 10-25T02:00"),
    (BERLIN, "30 2 * * 0", "03-28T12:00", "03-29T01:00 04-05T00:30"),
    (NEW_YORK, "30 2 * * *", "03-06T12:00", "03-07T07:30 03-08T07:00 03-09T06:30"),
    (NEW_YORK, "30 1 * * *", "10-30T12:00", "10-31T05:30 11-01T05:30 11-02T06:30"),
    (NEW_YORK, "0 0-3 * * *", "10-31T12:00", "11-01T04:00 11-01T05:00 11-01T07:00 11-01T08:00 11-02T05:00"),
    (LORD_HOWE, "15 2 * * *", "10-02T00:00", "10-02T15:45 10-03T15:30 10-04T15:15"),
    ("Asia/Shanghai", "30 2 * * *", "03-28T12:00", "03-28T18:30 03-29T18:30"),
]


@pytest.mark.parametrize(("zone", "expr", "after", "fires"), VECTORS)
def test_it_follows_the_vector(zone: str, expr: str, after: str, fires: str) -> None:
    expected = [at(f"2026-{fire}Z") for fire in fires.split()]
    assert upcoming(cron(expr, zone), after=at(f"2026-{after}Z"), count=len(expected)) == expected


@pytest.mark.parametrize(("zone", "expr", "after", "fires"), VECTORS)
def test_it_means_the_same_with_a_seconds_field(zone: str, expr: str, after: str, fires: str) -> None:
    expected = [at(f"2026-{fire}Z") for fire in fires.split()]
    assert upcoming(cron(f"0 {expr}", zone), after=at(f"2026-{after}Z"), count=len(expected)) == expected


@pytest.mark.parametrize(
    ("zone", "expr", "after", "fires"),
    [
        # every second of a fixed minute in the gap is one run, in the overlap the first pass only
        (BERLIN, "*/20 30 2 * * *", "2026-03-28T12:00Z", "2026-03-29T01:00:00 2026-03-30T00:30:00"),
        (BERLIN, "*/30 30 2 * * *", "2026-10-25T00:00Z", "2026-10-25T00:30:00 2026-10-25T00:30:30 2026-10-26T01:30:00"),
        # Samoa left out 30 December 2011
        ("Pacific/Apia", "0 9 * * *", "2011-12-29T00:00Z", "2011-12-29T19:00 2011-12-30T10:00 2011-12-30T19:00"),
        ("Pacific/Apia", "0 * * * *", "2011-12-30T08:30Z", "2011-12-30T09:00 2011-12-30T10:00 2011-12-30T11:00"),
        ("Pacific/Apia", "0 9 30 12 *", "2011-12-01T00:00Z", "2011-12-30T10:00 2012-12-29T19:00"),
        # clocks that change at midnight: the day begins at 01:00, or its first hour comes twice
        ("Asia/Beirut", "30 0 * * *", "2026-03-28T00:00Z", "2026-03-28T22:00 2026-03-29T21:30"),
        ("America/Havana", "30 0 * * *", "2020-11-01T00:00Z", "2020-11-01T04:30 2020-11-02T05:30"),
        # summer time that is the standard one (Ireland), and a "saving" hour in winter (Morocco)
        ("Europe/Dublin", "30 1 * * *", "2026-03-28T12:00Z", "2026-03-29T01:00 2026-03-30T00:30"),
        ("Africa/Casablanca", "30 2 * * *", "2026-02-14T12:00Z", "2026-02-15T01:30 2026-02-16T02:30"),
        # half-hour overlap
        (LORD_HOWE, "*/15 1 * * *", "2026-04-04T14:40Z", "2026-04-04T14:45 2026-04-04T15:00 2026-04-04T15:15"),
        (LORD_HOWE, "45 1 * * *", "2026-04-04T00:00Z", "2026-04-04T14:45 2026-04-05T15:15"),
        # an offset with seconds: Monrovia was 44:30 behind until 1972
        ("Africa/Monrovia", "0 12 * * *", "1960-01-01T00:00Z", "1960-01-01T12:44:30 1960-01-02T12:44:30"),
    ],
)
def test_it_keeps_the_rule_in_odd_places(zone: str, expr: str, after: str, fires: str) -> None:
    expected = [at(f"{fire}Z") for fire in fires.split()]
    assert upcoming(cron(expr, zone, now=at(after)), after=at(after), count=len(expected)) == expected
