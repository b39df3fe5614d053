"""Time zones by their exact IANA name, and a suggestion for the names people write instead."""

from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones, reset_tzpath

from common.domain.invalid import InvalidSchedule

# The zone data of the package and not the host's: two schedulers on two machines must know the same rules
# (docs/adr/0007).
reset_tzpath(to=())

# Names that no spelling distance leads to the right zone from; lower case.
_MEANT = {
    "asia/beijing": "Asia/Shanghai",
    "asia/guangzhou": "Asia/Shanghai",
    "asia/shenzhen": "Asia/Shanghai",
    "beijing": "Asia/Shanghai",
    "china": "Asia/Shanghai",
    "china standard time": "Asia/Shanghai",
    "cst": "Asia/Shanghai",
    "gmt+8": "Asia/Shanghai",
    "gmt+08:00": "Asia/Shanghai",
    "utc+8": "Asia/Shanghai",
    "utc+08:00": "Asia/Shanghai",
    "+08:00": "Asia/Shanghai",
    "北京": "Asia/Shanghai",
    "上海": "Asia/Shanghai",
    "asia/delhi": "Asia/Kolkata",
    "asia/mumbai": "Asia/Kolkata",
    "asia/bangalore": "Asia/Kolkata",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "europe/munich": "Europe/Berlin",
    "europe/frankfurt": "Europe/Berlin",
    "europe/hamburg": "Europe/Berlin",
    "cest": "Europe/Berlin",
    "bst": "Europe/London",
    "america/washington": "America/New_York",
    "america/boston": "America/New_York",
    "edt": "America/New_York",
    "cdt": "America/Chicago",
    "mdt": "America/Denver",
    "america/san_francisco": "America/Los_Angeles",
    "america/seattle": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "z": "UTC",
    "utc+0": "UTC",
    "+00:00": "UTC",
}


@cache
def names() -> frozenset[str]:
    """Every zone name Rota takes. Cached: the standard library reads the whole directory at each call."""
    return frozenset(available_timezones())


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`; raises InvalidSchedule, with a suggestion, for any other text.

    Cached without bound, because the keys can only be the few hundred known names; ZoneInfo's own cache
    keeps eight.
    """
    if name in names():
        return ZoneInfo(name)
    raise _refusal(name)


def _refusal(name: str) -> InvalidSchedule:
    shown = name if len(name) <= 60 else name[:57] + "..."
    if suggestion := suggest(name):
        return InvalidSchedule(
            'There is no time zone called "{zone}". Did you mean "{suggestion}"?',
            field="timezone",
            zone=shown,
            suggestion=suggestion,
        )
    return InvalidSchedule(
        'There is no time zone called "{zone}". Use a name such as Europe/Berlin or Asia/Shanghai.',
        field="timezone",
        zone=shown,
    )


def suggest(name: str) -> str | None:
    """The known zone that `name` most likely means, or None."""
    wanted = name.strip().lower().replace(" ", "_")[:60]
    if meant := _MEANT.get(wanted.replace("_", " ")) or _MEANT.get(wanted):
        return meant
    whole = {known.lower(): known for known in sorted(names())}
    if wanted in whole:
        return whole[wanted]
    cities = {lower.rpartition("/")[2]: known for lower, known in whole.items() if "/" in lower}
    if city := cities.get(wanted.rpartition("/")[2]):
        return city
    close = get_close_matches(wanted, whole, n=1, cutoff=0.75)
    return whole[close[0]] if close else None
