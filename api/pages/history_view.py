"""All runs of a task over time: what the chart that one zooms is drawn from, and the same as a table by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

from api.formats import Locale
from api.pages import words
from api.pages.task_views import Tally, tally, task_url
from api.pages.trend_view import METRICS, Trend, limits_of, trend_view, usual, value_of
from common.domain.states import UNWELL
from common.queries.trend import Took
from common.services.tasks import TaskView

#: Runs of which the page tells.
RUNS = 1000


@dataclass(frozen=True)
class Day:
    """One day of the task."""

    name: str
    runs: str
    failed: str
    middle: str
    highest: str


@dataclass(frozen=True)
class HistoryView:
    """The page; `trend` is the chart as long as nobody zooms."""

    heading: str
    sentence: str
    trend: Trend
    data_url: str
    begin: str
    tally: list[Tally]
    days: list[Day]
    zone: str


def history_view(view: TaskView, runs: Sequence[Took], metric: str, locale: Locale) -> HistoryView | None:
    """The newest runs by `metric`; None where none has started."""
    ran = _ran(runs, locale)
    if not ran:
        return None
    limits, url = limits_of(view.task), f"{task_url(view.task.id)}/trend"
    days = _days(ran, metric, locale)
    return HistoryView(
        heading=locale.ngettext("The last run", "The last %(n)s runs", len(ran)),
        sentence=_sentence(ran, metric, locale),
        trend=trend_view(runs, metric, limits, url, locale),
        data_url=f"{url}/data" if metric == METRICS[0] else f"{url}/data?metric={metric}",
        begin=locale.ngettext("Zoom into the one run", "Zoom into all %(n)s runs", len(ran)),
        tally=tally(ran, locale),
        days=days,
        zone=locale.zone.key,
    )


def _ran(runs: Sequence[Took], locale: Locale) -> list[Took]:
    """Those that have started, in that order."""
    return sorted((run for run in runs if run.started_at), key=lambda run: run.started_at or locale.now)


def chart(view: TaskView, runs: Sequence[Took], metric: str, locale: Locale) -> dict[str, Any]:
    """What the script draws from: seconds since 1970 and what each run took, lists of one length."""
    measured = [(run, value) for run in _ran(runs, locale) if (value := value_of(run, metric, locale)) is not None]
    values = [value for _, value in measured]
    return {
        "time": [round(run.started_at.timestamp(), 3) for run, _ in measured if run.started_at],
        "value": [round(value, 3) for value in values],
        "outcome": [str(run.status) for run, _ in measured],
        "id": [run.id for run, _ in measured],
        "limit": limits_of(view.task).get(metric),
        "usual": usual([run for run, _ in measured], values),
        "metric": metric,
        "words": _words(locale),
    }


def _words(locale: Locale) -> dict[str, Any]:
    """How the page writes numbers, with places for the script to fill."""
    _ = locale.gettext
    return {
        "ms": _("%(n)s ms", n="{n}"),
        "s": _("%(n)s s", n="{n}"),
        "m": _("%(m)s min %(s)s s", m="{m}", s="{s}"),
        "h": _("%(h)s h %(m)s min", h="{h}", m="{m}"),
        "comma": locale.comma,
        "states": {name: _(word) for name, word in words.STATES.items()},
    }


def _sentence(ran: Sequence[Took], metric: str, locale: Locale) -> str:
    """What the chart shows, for who does not see it."""
    _, values = locale.gettext, [value for run in ran if (value := value_of(run, metric, locale)) is not None]
    names = {"duration": _("Duration"), "memory": _("Memory")}
    since, until = (locale.full_date(each.started_at) for each in (ran[0], ran[-1]) if each.started_at)
    told = _("%(metric)s of the runs from %(since)s to %(until)s.", metric=names[metric], since=since, until=until)
    if not values:
        return told
    middle, highest = (_said(value, metric, locale) for value in (median(values), max(values)))
    more = _("Usually %(middle)s, at most %(highest)s.", middle=middle, highest=highest)
    return locale.gap.join([told, more])


def _said(value: float, metric: str, locale: Locale) -> str:
    return locale.size(round(value)) if metric == "memory" else locale.duration(value)


def _days(ran: Sequence[Took], metric: str, locale: Locale) -> list[Day]:
    """The days of the task's zone on which it ran, the newest first."""
    by_day: dict[date, list[Took]] = {}
    for run in reversed(ran):
        if run.started_at:
            by_day.setdefault(locale.local(run.started_at).date(), []).append(run)
    return [_day(found, metric, locale) for found in by_day.values()]


def _day(found: Sequence[Took], metric: str, locale: Locale) -> Day:
    values = [value for run in found if (value := value_of(run, metric, locale)) is not None]
    first = found[0].started_at or found[0].scheduled_for
    failed = sum(run.status in UNWELL for run in found)
    return Day(
        name=f"{locale.weekday(first)} {locale.date(first)}",
        runs=locale.number(len(found)),
        failed=locale.number(failed) if failed else "–",
        middle=_said(median(values), metric, locale) if values else "–",
        highest=_said(max(values), metric, locale) if values else "–",
    )
