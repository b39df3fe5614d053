"""What the timeline shows: the window in the reader's days, lanes in groups, and the load above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from api.formats import Locale
from api.lanes import APART, LEAST_OUTLINE, Labels, Span, close_together, lane, strip
from api.pages import words
from api.pages.home_chart import midnight
from api.pages.parts import Address, Option
from common.i18n import N_
from common.services.timeline import Bar, Lane, Timeline

URL = "/ui/timeline"
ZOOMS = ("1h", "6h", "24h", "7d")
GROUPS = ("tag", "queue", "worker")
_ZOOM_NAMES = {"1h": N_("1 h"), "6h": N_("6 h"), "24h": N_("24 h"), "7d": N_("7 d")}
_GROUP_NAMES = {"tag": N_("Tag"), "queue": N_("Queue"), "worker": N_("Worker")}
#: Length of the window, distance of the lines in it, and how much of it lies before now.
_SIZES = {
    "1h": (timedelta(hours=1), timedelta(minutes=5), 0.75),
    "6h": (timedelta(hours=6), timedelta(minutes=30), 0.65),
    "24h": (timedelta(hours=24), timedelta(hours=2), 0.0),
    "7d": (timedelta(days=7), timedelta(days=1), 0.0),
}
_LEGEND = ("success", "running", "failed", "timed_out", "lost", "missed", "skipped")


@dataclass(frozen=True)
class Window:
    """What the URL asks for. `moved` is false while it follows now."""

    zoom: str
    begin: datetime
    end: datetime
    group: str
    search: str
    moved: bool
    address: Address

    def share(self, instant: datetime) -> float:
        """Where an instant lies: 0 at the beginning, 1 at the end."""
        return (instant - self.begin) / (self.end - self.begin)


@dataclass(frozen=True)
class LaneRow:
    """One task."""

    name: str
    url: str
    svg: Markup


@dataclass(frozen=True)
class GroupRow:
    """Tasks that belong together."""

    name: str
    lanes: list[LaneRow]


@dataclass(frozen=True)
class TimelineView:
    """The page."""

    sentence: str
    sub: str
    search: str
    kept: list[tuple[str, str]]
    zooms: list[Option]
    groups: list[Option]
    previous: str
    next: str
    now: str | None
    day: str
    strip: Markup
    ticks: list[str]
    rows: list[GroupRow]
    legend: list[tuple[str, str]]
    note: str
    now_percent: int


def window_of(zoom: str, at: str, group: str, search: str, locale: Locale) -> Window:
    """The window; without `at` the one that holds now."""
    chosen = zoom if zoom in ZOOMS else "24h"
    length, step, before = _SIZES[chosen]
    given = _instant(at)
    if given is not None:
        begin = given
    elif chosen == "24h":
        begin = midnight(locale, locale.now)
    elif chosen == "7d":
        begin = midnight(locale, locale.now, -4)
    else:
        begin = _floor(locale.now - length * before, step, locale)
    values = {
        "zoom": "" if chosen == "24h" else chosen,
        "at": f"{begin:%Y-%m-%dT%H:%MZ}" if given is not None else "",
        "group": "" if group not in GROUPS or group == "tag" else group,
        "q": search,
    }
    end = midnight(locale, begin, 1) if chosen == "24h" and begin == midnight(locale, begin) else begin + length
    by = group if group in GROUPS else "tag"
    return Window(chosen, begin, end, by, search, given is not None, Address(URL, values))


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None or not 1990 < found.year < 2200:
        return None
    return found.astimezone(UTC).replace(second=0, microsecond=0)


def _floor(instant: datetime, step: timedelta, locale: Locale) -> datetime:
    start = midnight(locale, instant)
    return start + (instant - start) // step * step


def timeline_view(found: Timeline, window: Window, locale: Locale) -> TimelineView:
    _ = locale.gettext
    length = window.end - window.begin
    now = window.share(locale.now)
    inside = now if 0 <= now <= 1 else None
    grid, ticks = _ticks(window, locale)
    address = window.address
    return TimelineView(
        sentence=_sentence(found, window, locale),
        sub=_advice(found, locale),
        search=window.search,
        kept=[(key, value) for key, value in address.values.items() if value and key != "q"],
        zooms=[
            Option(_(_ZOOM_NAMES[each]), address.url(zoom="" if each == "24h" else each, at=""), each == window.zoom)
            for each in ZOOMS
        ],
        groups=[
            Option(_(_GROUP_NAMES[each]), address.url(group="" if each == "tag" else each), each == window.group)
            for each in GROUPS
        ],
        previous=address.url(at=_stamp(window.begin - length)),
        next=address.url(at=_stamp(window.begin + length)),
        now=address.url(at="") if window.moved else None,
        day=_day(window, locale),
        strip=strip(
            found.busy,
            found.wanted,
            found.slots,
            now=now,
            clock=f"{locale.local(locale.now):%H:%M}" if inside is not None else "",
            labels=Labels(
                whole=_("Busy slots: what was, and what is expected"),
                slots=locale.ngettext("%(n)s slot", "%(n)s slots", found.slots) if found.slots else "",
                busy=_("%(n)s busy on average", n="{n}"),
                wanted=_("%(n)s expected at once", n="{n}"),
            ),
        ),
        ticks=ticks,
        rows=_rows(found, window, grid, inside, locale),
        legend=[(name, words.state(name, locale)) for name in _LEGEND],
        note=_note(found, locale),
        now_percent=round((inside or 0) * 100),
    )


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%MZ}"


def _day(window: Window, locale: Locale) -> str:
    first, last = locale.local(window.begin), locale.local(window.end - timedelta(seconds=1))
    begin = f"{locale.weekday(window.begin)} {locale.date(window.begin)}"
    if window.zoom in ("1h", "6h"):
        return f"{begin}, {first:%H:%M}–{locale.local(window.end):%H:%M}"
    if first.date() == last.date():
        return begin
    return f"{locale.date(window.begin)} – {locale.date(window.end - timedelta(seconds=1))}"


def _sentence(found: Timeline, window: Window, locale: Locale) -> str:
    _ = locale.gettext
    today = midnight(locale, locale.now)
    if window.zoom == "24h" and window.begin == today:
        return _("Today, one pile-up ahead") if found.crowd else _("Today")
    if found.crowd:
        return _("One pile-up ahead")
    return _("Timeline")


def _advice(found: Timeline, locale: Locale) -> str:
    """What is wrong with the load to come, and what helps."""
    crowd = found.crowd
    if crowd is None:
        return ""
    _ = locale.gettext
    when = f"{locale.local(crowd.at):%H:%M}"
    if locale.local(crowd.at).date() != locale.local(locale.now).date():
        when = f"{locale.weekday(crowd.at)} {when}"
    said = _(
        "Around %(when)s about %(wanted)s runs want %(slots)s slots of the queue %(queue)s: %(waiting)s would wait.",
        when=when,
        wanted=crowd.wanted,
        slots=crowd.slots,
        queue=crowd.queue,
        waiting=crowd.wanted - crowd.slots,
    )
    return locale.gap.join((said, _("Give some of them another minute or a jitter, or start a worker more.")))


def _note(found: Timeline, locale: Locale) -> str:
    if not found.more:
        return ""
    return locale.ngettext(
        "%(n)s more task has runs here. Search to see it.", "%(n)s more tasks have runs here. Search to see them.",
        found.more,
    )  # fmt: skip


def _ticks(window: Window, locale: Locale) -> tuple[list[float], list[str]]:
    """Where the lines are, in percent, and what stands between them: one word a step."""
    step = _SIZES[window.zoom][1]
    count = round((window.end - window.begin) / step)
    at = [window.begin + step * i for i in range(count)]
    if window.zoom == "7d":
        at = [midnight(locale, window.begin, i) for i in range(count)]
        texts = [f"{locale.weekday(each)} {locale.date(each)}" for each in at]
    else:
        texts = [f"{locale.local(each):%H:%M}" for each in at]
    return [i * 100 / count for i in range(1, count)], texts


# ---- lanes ----


def _rows(found: Timeline, window: Window, grid: Sequence[float], now: float | None, locale: Locale) -> list[GroupRow]:
    groups: dict[str, list[LaneRow]] = {}
    for each in found.lanes:
        svg = lane(_spans(each, window, locale), grid, each.name, now=now)
        groups.setdefault(_group(each, window.group), []).append(LaneRow(each.name, f"/ui/tasks/{each.task_id}", svg))
    nameless = locale.gettext("no tag") if window.group == "tag" else locale.gettext("not run yet")
    ordered = sorted(groups.items(), key=lambda item: (not item[0], item[0].lower()))
    return [GroupRow(name or nameless, lanes) for name, lanes in ordered]


def _group(each: Lane, by: str) -> str:
    if by == "queue":
        return each.queue
    return each.worker if by == "worker" else (each.tags[0] if each.tags else "")


def _spans(each: Lane, window: Window, locale: Locale) -> list[Span]:
    past = _merged([(_span(bar, window, locale), bar) for bar in each.bars], each, locale)
    return past + _coming_spans(each, window, locale)


def _coming_spans(each: Lane, window: Window, locale: Locale) -> list[Span]:
    """Outlines of what is to come; those that would touch are one."""
    found: list[tuple[Span, list[datetime]]] = []
    for item in each.coming:
        left = window.share(item.at) * 100
        width = max(LEAST_OUTLINE, timedelta(seconds=item.seconds or 0) / (window.end - window.begin) * 100)
        if found and left - (found[-1][0].left + found[-1][0].width) < APART:
            before, instants = found[-1]
            wide = max(before.width, left + width - before.left)
            found[-1] = (Span(before.left, wide, "next", ""), [*instants, item.at])
        else:
            found.append((Span(left, width, "next", _coming(item.at, item.seconds, locale)), [item.at]))
    spans = [
        span if span.title else Span(span.left, span.width, "next", _coming_many(instants, locale))
        for span, instants in found
    ]
    if each.more_coming and spans:
        # A schedule that fires too often to be listed whole goes on to the edge.
        last = spans[-1].left + spans[-1].width
        more = locale.ngettext("%(n)s more", "%(n)s more", each.more_coming)
        spans.append(Span(last, max(LEAST_OUTLINE, 100 - last), "next", more))
    return spans


def _coming_many(instants: Sequence[datetime], locale: Locale) -> str:
    count = locale.ngettext("%(n)s run", "%(n)s runs", len(instants))
    when = f"{locale.stamp(instants[0])} – {locale.stamp(instants[-1])}"
    return locale.comma.join((locale.gettext("Due %(when)s", when=when), count))


def _span(bar: Bar, window: Window, locale: Locale) -> Span:
    left = max(0.0, window.share(bar.begin) * 100)
    right = min(100.0, window.share(bar.end) * 100)
    return Span(left, max(0.0, right - left), bar.outcome, "", f"/ui/executions/{bar.execution_id}")


def _merged(found: Sequence[tuple[Span, Bar]], each: Lane, locale: Locale) -> list[Span]:
    """Runs of one outcome that the screen could not tell apart are one bar; it leads to all of the task's."""
    merged: list[tuple[Span, list[Bar]]] = []
    last: dict[str, int] = {}
    for span, bar in sorted(found, key=lambda pair: pair[0].left):
        index = last.get(bar.outcome)
        if index is not None:
            before, bars = merged[index]
            end = before.left + before.width
            if close_together(span.left, span.width, end):
                wide = max(end, span.left + span.width) - before.left
                merged[index] = (Span(before.left, wide, bar.outcome, "", before.url), [*bars, bar])
                continue
        last[bar.outcome] = len(merged)
        merged.append((span, [bar]))
    return [_told(span, bars, each, locale) for span, bars in merged]


def _told(span: Span, bars: Sequence[Bar], each: Lane, locale: Locale) -> Span:
    count = sum(bar.count for bar in bars)
    word, begin = words.state(span.outcome, locale), bars[0].begin
    if count == 1:
        bar = bars[0]
        said = [word, locale.stamp(begin)]
        if bar.end > begin:
            said.insert(1, locale.duration((bar.end - begin).total_seconds()))
        return Span(span.left, span.width, span.outcome, locale.comma.join(said), span.url)
    runs = locale.ngettext("%(n)s run", "%(n)s runs", count)
    when = f"{locale.stamp(begin)} – {locale.stamp(max(bar.end for bar in bars))}"
    url = f"/ui/executions?task={each.task_id}"
    return Span(span.left, span.width, span.outcome, locale.comma.join((word, runs, when)), url)


def _coming(at: datetime, seconds: float | None, locale: Locale) -> str:
    said = locale.gettext("Due %(when)s", when=locale.stamp(at))
    if seconds is None:
        return said
    return locale.comma.join((said, locale.gettext("about %(time)s", time=locale.duration(seconds))))
