"""Random five-field cron expressions, and instants near which zones change their clocks."""

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
# The lively ones: big and small changes, at midnight, southern, Ramadan, skipped days, changed rules.
LIVELY = (
    "Europe/Berlin", "Europe/Dublin", "Europe/Moscow", "Europe/Istanbul", "America/New_York", "America/Sao_Paulo",
    "America/Havana", "America/Caracas", "America/Santiago", "America/Asuncion", "America/St_Johns", "Asia/Beirut",
    "Asia/Amman", "Asia/Gaza", "Asia/Tehran", "Asia/Pyongyang", "Asia/Kathmandu", "Asia/Shanghai", "Africa/Cairo",
    "Africa/Casablanca", "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Apia", "Pacific/Chatham",
    "Antarctica/Troll", "Antarctica/Casey", "UTC",
)  # fmt: skip


def expression(rng: random.Random) -> str:
    """Return five fields in the grammar that croniter and cronsim define the same (`5L` as cronsim writes it)."""
    day, weekday = rng.choice([("*", "*")] * 4 + [("d", "*"), ("*", "w"), ("d", "w"), ("d", "*")])
    month = "*" if rng.random() < 0.7 else _numbers(rng, 1, 12)
    return " ".join(
        (
            _time_field(rng, 59, rng.choice(("*", "0", "30", ""))),
            _time_field(rng, 23, rng.choice(("*", "1", "2", "3", "0", ""))),
            _days(rng) if day == "d" else "*",
            month,
            _weekdays(rng) if weekday == "w" else "*",
        )
    )


def _time_field(rng: random.Random, high: int, usual: str) -> str:
    return usual if usual and rng.random() < 0.6 else _numbers(rng, 0, high)


def _numbers(rng: random.Random, low: int, high: int) -> str:
    return ",".join(_item(rng, low, high) for _ in range(rng.choice((1, 1, 1, 2, 3))))


def _item(rng: random.Random, low: int, high: int) -> str:
    first, last = sorted(rng.sample(range(low, high + 1), 2))
    step = rng.randint(1, max(2, (high - low) // 2))
    return rng.choice((str(first), str(last), f"{first}-{last}", f"{first}-{last}/{step}", f"*/{step}"))


def _days(rng: random.Random) -> str:
    return rng.choice((_numbers(rng, 1, 31), _numbers(rng, 1, 28), "L", "1,L", "*/2", str(rng.randint(1, 31))))


def _weekdays(rng: random.Random) -> str:
    day = rng.randint(0, 6)
    return rng.choice((_numbers(rng, 0, 6), "1-5", "0", "7", "6,7", "*/2", f"{day}#{rng.randint(1, 5)}", f"{day}L"))


def zone_name(rng: random.Random) -> str:
    """Return a lively zone mostly, any zone sometimes."""
    return rng.choice(LIVELY) if rng.random() < 0.75 else rng.choice(_all_zones())


@cache
def _all_zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def start(rng: random.Random, zone: ZoneInfo) -> datetime:
    """Return an instant in 2000-2040, in lively zones mostly within two days before a change of the clock."""
    changes = clock_changes(zone.key) if zone.key in LIVELY else ()
    if changes and rng.random() < 0.7:
        return rng.choice(changes) - timedelta(seconds=rng.randrange(2 * 86_400))
    return FIRST + timedelta(seconds=rng.randrange(int((LAST - FIRST).total_seconds())))


@cache
def clock_changes(name: str) -> tuple[datetime, ...]:
    """The days of 2000-2040 on which the zone's offset changes, as the midnight (UTC) after."""
    zone, found = ZoneInfo(name), []
    day, offset = FIRST, FIRST.astimezone(zone).utcoffset()
    while day < LAST:
        day += DAY
        now = day.astimezone(zone).utcoffset()
        if now != offset:
            found.append(day)
        offset = now
    return tuple(found)
