"""Schedules in words, and their next runs with what is odd about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.formats import Locale
from common.db.models import Schedule
from common.domain.describe import describe
from common.domain.triggers import InvalidSchedule, Observed, PreviewInstant, Trigger, preview
from common.domain.wording import Lang
from common.services import schedules
from common.services.schedules import trigger_of
from common.services.tasks import TaskView


@dataclass(frozen=True)
class NextRun:
    """One coming run as a row of the table of next runs."""

    weekday: str
    date: str
    clock: str
    offset: str
    relative: str
    note: str = ""


@dataclass(frozen=True)
class SchedulePreview:
    """What the side of the form shows: the sentence and the next runs, or what is wrong."""

    sentence: str = ""
    remark: str = ""
    heading: str = ""
    runs: list[NextRun] = field(default_factory=list)
    error: str = ""
    #: Who else starts then; and the seconds over which the form offers to spread the start, 0 for no offer.
    crowd: str = ""
    spread: int = 0
    spread_label: str = ""


def lang_of(locale: Locale) -> Lang:
    return "zh" if locale.lang == "zh_CN" else "en"


def sentence(rows: Sequence[Schedule], locale: Locale) -> str:
    """A task's schedule in one line."""
    _ = locale.gettext
    if not rows:
        return _("Only by hand")
    first = describe(trigger_of(rows[0]), lang_of(locale))
    if len(rows) == 1:
        return first
    return _("%(first)s, and %(n)s more", first=first, n=len(rows) - 1)


def preview_of(schedule: Trigger | Observed, locale: Locale, *, count: int) -> SchedulePreview:
    """The sentence and the next `count` runs of a checked trigger."""
    lang = lang_of(locale)
    trigger = schedule.trigger if isinstance(schedule, Observed) else schedule
    found = preview(schedule, after=locale.now, count=count)
    remarks = [
        trigger.timezone,
        *_elsewhere(trigger, found.next, locale),
        *(note.text(lang) for note in found.warnings),
    ]
    return SchedulePreview(
        sentence=describe(trigger, lang),
        remark=" · ".join(remarks),
        heading=locale.ngettext("Next run", "Next %(n)s runs", len(found.next)),
        runs=[_run(each, locale.in_zone(trigger.timezone), lang) for each in found.next],
    )


def _elsewhere(trigger: Trigger, runs: Sequence[PreviewInstant], locale: Locale) -> list[str]:
    """When the next run is for a reader who lives in another zone, where that is another time of day."""
    if not runs or trigger.kind == "interval":
        return []
    here, there = locale.local(runs[0].utc), runs[0].local
    if here.utcoffset() == there.utcoffset():
        return []
    return [locale.gettext("in %(zone)s at %(clock)s", zone=locale.zone.key, clock=f"{here:%H:%M}")]


def coming(view: TaskView, locale: Locale, *, count: int) -> list[NextRun]:
    """The next runs of a task, whichever of its schedules they come from, its calendars kept."""
    found: list[tuple[PreviewInstant, str]] = []
    for schedule in view.schedules:
        try:
            shown = schedules.coming([schedule], after=locale.now, count=count, days=view.days)
        except InvalidSchedule:
            continue
        found += [(each, schedule.timezone) for each in shown]
    found.sort(key=lambda pair: pair[0].utc)
    return [_run(each, locale.in_zone(zone), lang_of(locale)) for each, zone in found[:count]]


def _run(each: PreviewInstant, locale: Locale, lang: Lang) -> NextRun:
    return NextRun(
        weekday=locale.weekday(each.utc),
        date=locale.full_date(each.utc),
        clock=f"{each.local:%H:%M:%S}" if each.local.second else f"{each.local:%H:%M}",
        offset=locale.offset(each.utc),
        relative=_distance(each.utc, locale),
        note=each.note.text(lang) if each.note else "",
    )


def _distance(instant: datetime, locale: Locale) -> str:
    """The clock stands in the row already: only how far away it is."""
    _ = locale.gettext
    ahead = instant - locale.now
    if ahead < timedelta(days=1):
        return _("in %(time)s", time=locale.countdown(max(0, round(ahead.total_seconds()))))
    days = ahead // timedelta(days=1)
    if days < 21:
        return _("in %(time)s", time=locale.ngettext("%(n)s day", "%(n)s days", days))
    if days < 60:
        return _("in %(time)s", time=locale.ngettext("%(n)s week", "%(n)s weeks", days // 7))
    if days < 730:
        return _("in %(time)s", time=locale.ngettext("%(n)s month", "%(n)s months", round(days / 30.44)))
    return _("in %(time)s", time=locale.ngettext("%(n)s year", "%(n)s years", days // 365))
