"""The chart of the home page: which stretches of time it shows, and what each says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.formats import Locale
from api.pages import words
from api.pages.parts import Address, Option
from api.plots import HANGS, STANDS, Column, Plot, columns
from common.i18n import N_
from common.queries.overview import Span
from common.services.forecast import Forecast

RANGES = ("today", "7d", "30d")
_NAMES = {"today": N_("Today"), "7d": N_("7 days"), "30d": N_("30 days")}
_TITLES = {"today": N_("Runs per hour"), "7d": N_("Runs per 6 hours"), "30d": N_("Runs per day")}
_DAYS = {"today": 1, "7d": 7, "30d": 30}


@dataclass(frozen=True)
class Spans:
    """The stretches a range is made of, in the reader's zone; and today and yesterday."""

    range: str
    columns: list[Span]
    today: Span
    yesterday: Span


@dataclass(frozen=True)
class Key:
    """One way to end, and how many did."""

    outcome: str
    text: str


@dataclass(frozen=True)
class ChartView:
    """The card with the chart."""

    heading: str
    #: The words below stand at the beginning of equal parts, not at equal distances from edge to edge.
    by_parts: bool
    ranges: list[Option]
    plot: Plot
    key: list[Key]


def midnight(locale: Locale, instant: datetime, days: int = 0) -> datetime:
    """The beginning of the reader's day, so many days on."""
    day = locale.local(instant).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=locale.zone).astimezone(UTC)


def spans_of(chosen: str, locale: Locale) -> Spans:
    """Hours of today, quarters of the last seven days, or the last thirty days. Days are cut at midnight, so one on
    which clocks change has 23 or 25 hours."""
    days = [
        (midnight(locale, locale.now, -back), midnight(locale, locale.now, 1 - back))
        for back in reversed(range(_DAYS[chosen]))
    ]
    step = {"today": timedelta(hours=1), "7d": timedelta(hours=6), "30d": timedelta(days=2)}[chosen]
    found = [span for day in days for span in _cut(day, step)]
    today = days[-1]
    return Spans(chosen, found, today, (midnight(locale, locale.now, -1), today[0]))


def _cut(span: Span, step: timedelta) -> list[Span]:
    found, begin = [], span[0]
    while begin < span[1]:
        # The last one takes what is left: a day with 25 hours has no stretch of an hour of its own at six a piece.
        end = begin + step if span[1] - begin - step >= step / 2 else span[1]
        found.append((begin, end))
        begin = end
    return found


def expected_in(found: Forecast, spans: Sequence[Span]) -> list[int]:
    """How many runs are to come within each span. What of a schedule that fires often is not listed is spread."""
    counts = [0.0] * len(spans)
    for item in found.items:
        for i, (begin, end) in enumerate(spans):
            if begin <= item.at < end:
                counts[i] += 1
                break
    for each in found.capped:
        rest = (found.until - each.last).total_seconds()
        for i, (begin, end) in enumerate(spans):
            overlap = (min(end, found.until) - max(begin, each.last)).total_seconds()
            if overlap > 0 and rest > 0:
                counts[i] += (each.count - each.shown) * overlap / rest
    return [round(count) for count in counts]


def chart_view(
    spans: Spans, outcomes: Sequence[Mapping[str, int]], running: int, coming: Forecast, locale: Locale
) -> ChartView:
    """The chart, with what runs now on top of the present stretch and what is to come behind it."""
    _ = locale.gettext
    expected = expected_in(coming, spans.columns)
    shown = []
    for span, counts, to_come in zip(spans.columns, outcomes, expected, strict=True):
        here = {**counts, **({"running": running} if running and span[0] <= locale.now < span[1] else {})}
        shown.append(Column(_title(spans.range, span, here, to_come, locale), here, to_come, _leads_to(span, locale)))
    begin, end = spans.columns[0][0], spans.columns[-1][1]
    where = (locale.now - begin) / (end - begin) if spans.range == "today" else None
    label = _("%(heading)s; what went wrong hangs below the line", heading=_(_TITLES[spans.range]))
    address = Address("/ui/home")
    return ChartView(
        heading=_(_TITLES[spans.range]),
        by_parts=spans.range == "7d",
        ranges=[
            Option(_(_NAMES[each]), address.url(range="" if each == RANGES[0] else each), each == spans.range)
            for each in RANGES
        ],
        plot=columns(shown, _ticks(spans, locale), label, now=where, clock=f"{locale.local(locale.now):%H:%M}"),
        key=_key(outcomes, running, sum(expected) if spans.range == "today" else 0, locale),
    )


def _leads_to(span: Span, locale: Locale) -> str:
    """The same stretch on the timeline."""
    if span[0] > locale.now:
        return ""
    hours = (span[1] - span[0]).total_seconds() / 3600
    zoom = "1h" if hours <= 1 else "6h" if hours <= 6 else "24h"
    return Address("/ui/timeline").url(zoom=zoom, at=f"{span[0]:%Y-%m-%dT%H:%MZ}")


def _title(range_: str, span: Span, counts: Mapping[str, int], to_come: int, locale: Locale) -> str:
    local = locale.local(span[0])
    when = f"{local:%H:%M}" if range_ == "today" else locale.date(span[0])
    if range_ == "7d":
        when = f"{when} {local:%H:%M}"
    said = [when]
    ran = sum(counts.get(name, 0) for name in (*STANDS, *HANGS) if name not in ("skipped", "missed"))
    if ran or span[1] <= locale.now:
        said.append(locale.ngettext("%(n)s run", "%(n)s runs", ran))
    said += [
        f"{words.state(name, locale)} {locale.number(counts[name])}"
        for name in (*HANGS, "cancelled", "skipped")
        if counts.get(name)
    ]
    if to_come:
        said.append(locale.gettext("%(n)s to come", n=locale.number(to_come)))
    return locale.comma.join(said)


def _ticks(spans: Spans, locale: Locale) -> list[str]:
    """Seven words at equal distances from the first to the last edge."""
    begin, end = spans.columns[0][0], spans.columns[-1][1]
    marks = [begin + (end - begin) * i / 6 for i in range(7)]
    if spans.range == "today":
        found = [f"{locale.local(each):%H:%M}" for each in marks[:-1]]
        return [*found, "24:00"]
    if spans.range == "7d":
        days = [begin + (end - begin) * i / 7 for i in range(7)]
        return [f"{locale.weekday(each)} {locale.date(each)}" for each in days]
    return [locale.date(each) for each in marks[:-1]] + [locale.date(end - timedelta(hours=1))]


def _key(outcomes: Sequence[Mapping[str, int]], running: int, to_come: int, locale: Locale) -> list[Key]:
    sums: dict[str, int] = {}
    for counts in outcomes:
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    if running:
        sums["running"] = running
    order = ("success", "running", *HANGS, "cancelled", "skipped")
    found = [Key(name, f"{words.state(name, locale)} {locale.number(sums[name])}") for name in order if sums.get(name)]
    if to_come:
        found.append(Key("next", locale.gettext("To come %(n)s", n=locale.number(to_come))))
    return found
