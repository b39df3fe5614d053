"""Sorts the time of day of a cron expression into the few shapes that people have words for."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from common.domain.cron import Cron

# More times than this are not listed one by one.
LISTED = 6


class Clockwork(NamedTuple):
    """One shape of the time of day, and what its sentence needs.

    at: `times`. seconds, minutes: every `step` of them. hours: every `step` hours at minute `minute`.
    fields: nothing simpler is right; say it field by field. `span`, when given, is the first and last time of day.
    """

    shape: Literal["at", "seconds", "minutes", "hours", "fields"]
    step: int = 1
    minute: int = 0
    times: tuple[str, ...] = ()
    span: tuple[str, str] | None = None


def clockwork(cron: Cron) -> Clockwork:
    """Return the simplest shape that says exactly when on a day `cron` fires."""
    seconds, minutes, hours = cron.seconds, cron.minutes, cron.hours
    all_hours = len(hours) == 24
    if cron.per_day <= LISTED and not (len(hours) > 3 and _step(hours, 24)):
        return Clockwork("at", times=_times(cron))
    if seconds != (0,):
        step = _step(seconds, 60)
        return Clockwork("seconds", step) if step and len(minutes) == 60 and all_hours else Clockwork("fields")
    span = None if all_hours else (_clock(hours[0], minutes[0]), _clock(hours[-1], minutes[-1]))
    one_run = hours[-1] - hours[0] == len(hours) - 1
    if one_run and (step := _step(minutes, 60)):
        return Clockwork("minutes", step, span=span)
    if len(minutes) == 1 and one_run:
        return Clockwork("hours", 1, minutes[0], span=span)
    if len(minutes) == 1 and (step := _step(hours, 24)):
        return Clockwork("hours", step, minutes[0])
    return Clockwork("fields")


def _times(cron: Cron) -> tuple[str, ...]:
    with_seconds = cron.seconds != (0,)
    return tuple(
        _clock(hour, minute) + (f":{second:02}" if with_seconds else "")
        for hour in cron.hours
        for minute in cron.minutes
        for second in cron.seconds
    )


def _step(values: Sequence[int], size: int) -> int:
    """The even step of `values` through the whole field from 0 on; 0 when there is none."""
    if len(values) < 2:
        return 0
    step = values[1] - values[0]
    return step if size % step == 0 and list(values) == list(range(0, size, step)) else 0


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"
