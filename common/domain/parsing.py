"""Checks a schedule as people give it, at the moment they save it."""

from datetime import UTC, datetime, timedelta

from common.domain.cron_parse import parse_cron
from common.domain.invalid import InvalidSchedule
from common.domain.trigger import KINDS, UNKNOWN_KIND, Trigger
from common.domain.zones import zone

MAX_JITTER = 86_400


def parse(
    kind: str,
    expr: str,
    *,
    timezone: str = "UTC",
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    anchor: datetime | None = None,
    hash_key: str = "",
    jitter: int = 0,
    now: datetime,
) -> Trigger:
    """Return the trigger these settings mean; raises InvalidSchedule when one is wrong or it would never fire.

    `kind` is "cron", "interval" or "once"; `jitter` is in seconds. All datetimes are aware; they come back in UTC
    and whole seconds (a start rounded up, the others down). A `once` without offset is wall time in `timezone`.
    """
    if kind not in KINDS:
        raise InvalidSchedule(UNKNOWN_KIND, field="kind", kind=kind[:40], kinds=", ".join(KINDS))
    zone(timezone)
    trigger = Trigger(
        kind=kind,
        expr=" ".join(expr.split(" ")).strip() if kind == "cron" else expr.strip(),
        timezone=timezone,
        start_at=_whole("start_at", start_at, up=True),
        end_at=_whole("end_at", end_at),
        anchor=_whole("anchor", anchor),
        hash_key=hash_key,
        jitter=_checked_jitter(jitter),
    )
    if trigger.start_at is not None and trigger.end_at is not None and trigger.start_at > trigger.end_at:
        raise InvalidSchedule("The schedule ends before it starts. Move the end, or leave it empty.", field="end_at")
    if trigger.next_after(now) is None:
        raise _never(trigger, now)
    return trigger


def _whole(field: str, moment: datetime | None, *, up: bool = False) -> datetime | None:
    if moment is None:
        return None
    if moment.utcoffset() is None:
        raise InvalidSchedule(
            "{name} needs a time zone, for example 2026-11-23T09:00:00+08:00.", field=field, name=field
        )
    try:
        floor = moment.astimezone(UTC).replace(microsecond=0)
        return floor + timedelta(seconds=1) if up and moment.microsecond else floor
    except OverflowError as error:
        raise InvalidSchedule(
            "{name} is outside the years 1 to 9999. Leave it empty.", field=field, name=field
        ) from error


def _checked_jitter(jitter: int) -> int:
    if isinstance(jitter, bool) or not isinstance(jitter, int) or not 0 <= jitter <= MAX_JITTER:
        raise InvalidSchedule("Jitter is a whole number of seconds from 0 to {most}.", field="jitter", most=MAX_JITTER)
    return jitter


def _never(trigger: Trigger, now: datetime) -> InvalidSchedule:
    """Say why nothing is left after `now`: the time is past, the window is empty, or the years are over."""
    if trigger.kind == "once":
        found = trigger.timeline().next(datetime.min.replace(tzinfo=UTC))
        if found is None or found.instant <= now:
            return InvalidSchedule(
                "This time is in the past. Choose a later one, or run the task now by hand.", field="expr"
            )
        return InvalidSchedule("This time lies outside the start and end of the schedule.", field="expr")
    if trigger.end_at is not None and trigger.end_at <= now:
        return InvalidSchedule("The end of the schedule is in the past. Move it, or leave it empty.", field="end_at")
    if trigger.end_at is not None and trigger.timeline().next(now) is not None:
        return InvalidSchedule(
            "Nothing fires before the schedule ends. Move the end, or leave it empty.", field="end_at"
        )
    if trigger.kind == "cron" and parse_cron(trigger.expr, trigger.hash_key).years is not None:
        return InvalidSchedule(
            "The years of this schedule are over. Write later ones, or leave them out.", field="expr"
        )
    return InvalidSchedule("This schedule never fires again. Change its times or its window.", field="expr")
