"""The trend of a task: a bar a run, the usual range as a band, the limit as a dashed line. SVG from the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from markupsafe import Markup

from api.formats import Locale
from api.pages import words
from common.db.models import Task
from common.queries.trend import Took

#: Runs that are shown.
RUNS = 50
METRICS = ("duration", "memory")
_TOP, _LINE, _HEIGHT, _FOOT = 10.5, 131.5, 150, 14
_STEPS = (1, 2, 5)
_HANGING = ("failed", "timed_out", "lost", "missed")
#: So many bars are as wide as two dates; on a phone it takes twice as many.
_ROOM = 5
#: A bar higher than this many times the next is cut, so that one odd run does not flatten all others.
_ODD = 4


@dataclass(frozen=True)
class Metric:
    """A way to look at the runs."""

    key: str
    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class Trend:
    """The card."""

    heading: str
    metrics: list[Metric]
    scale: Markup
    svg: Markup
    note: str


def trend_view(
    runs: Sequence[Took], metric: str, limits: Mapping[str, float | None], url: str, locale: Locale
) -> Trend:
    """The newest runs by `metric`; `limits` are what the task may take at most, by metric."""
    _ = locale.gettext
    shown = runs[-RUNS:]
    values = [value_of(each, metric, locale) for each in shown]
    limit = limits.get(metric)
    full = _full([value for value in values if value], limit)
    band = usual(shown, values)
    told = [
        part
        for part, there in ((_("band: the usual range"), band), (_("dashed: the limit"), limit and limit <= full))
        if there
    ]
    names = {"duration": _("Duration"), "memory": _("Memory")}
    return Trend(
        heading=locale.ngettext("The last run", "The last %(n)s runs", len(shown)),
        metrics=[
            Metric(key, names[key], url if key == METRICS[0] else f"{url}?metric={key}", key == metric)
            for key in METRICS
        ],
        scale=_scale(full, metric, locale),
        svg=_svg(shown, values, full, limit, band, names[metric], locale),
        note=locale.comma.join(told),
    )


def _days(shown: Sequence[Took]) -> bool:
    return (shown[-1].scheduled_for - shown[0].scheduled_for).days > 0


def limits_of(task: Task) -> dict[str, float | None]:
    """What the task may take at most, by metric."""
    return {"duration": task.timeout, "memory": (task.spec.get("limits") or {}).get("memory")}


def value_of(run: Took, metric: str, locale: Locale) -> float | None:
    """What a run took: seconds, or bytes of memory; None where nobody knows."""
    if metric == "memory":
        return run.peak_memory
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or locale.now) - run.started_at).total_seconds())


def _full(values: Sequence[float], limit: float | None) -> float:
    """The top of the scale: the highest value as a round number, but for one that is far above all others."""
    ordered = sorted(values)
    highest = ordered[-1] if ordered else 1.0
    if len(ordered) > 4 and ordered[-2] and ordered[-1] > _ODD * ordered[-2]:
        highest = ordered[-2] * 1.2
    if limit and highest <= limit <= highest * 3:
        highest = limit
    return _round(highest)


def _round(value: float) -> float:
    size = 1e-3
    while True:
        for step in _STEPS:
            if value <= step * size:
                return step * size
        size *= 10


def usual(shown: Sequence[Took], values: Sequence[float | None]) -> tuple[float, float] | None:
    """Between what values the middle half of the good runs lies; None for fewer than four."""
    good = [value for run, value in zip(shown, values, strict=True) if run.status == "success" and value is not None]
    if len(good) < 4:
        return None
    low, _middle, high = quantiles(good, n=4)
    return max(low, 0), high


def _y(value: float, full: float) -> float:
    return _LINE - min(1.0, value / full) * (_LINE - _TOP)


def _svg(
    shown: Sequence[Took],
    values: Sequence[float | None],
    full: float,
    limit: float | None,
    band: tuple[float, float] | None,
    name: str,
    locale: Locale,
) -> Markup:
    pitch = 100 / max(len(shown), 20)
    offset = 100 - pitch * len(shown)
    parts = [
        Markup('<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=f"{_y(full * part, full):.1f}")
        for part in (1, 0.5)
    ]
    if band:
        top, bottom = _y(band[1], full), _y(band[0], full)
        height = max(2.0, bottom - top)
        parts.append(
            Markup('<rect class="band" x="0" width="100%" y="{}" height="{}"/>').format(f"{top:.1f}", f"{height:.1f}")
        )
    if limit and limit <= full:
        parts.append(
            Markup('<line class="limit" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=f"{_y(limit, full):.1f}")
        )
    parts += [
        _bar(run, value, full, offset + i * pitch, pitch, locale)
        for i, (run, value) in enumerate(zip(shown, values, strict=True))
    ]
    parts += _dates(shown, offset, pitch, locale)
    label = locale.gettext("%(metric)s of the last runs", metric=name)
    return Markup(
        '<svg width="100%" height="{h}" role="group" aria-label="{label}">{body}'
        '<line class="axis" x1="0" x2="100%" y1="{line}" y2="{line}"/></svg>'
    ).format(h=_HEIGHT + _FOOT, label=label, body=Markup().join(parts), line=_LINE)


def _bar(run: Took, value: float | None, full: float, left: float, pitch: float, locale: Locale) -> Markup:
    x, width = f"{left + pitch * 0.15:.2f}%", f"{pitch * 0.7:.2f}%"
    status = str(run.status)
    height = max(3.0, _LINE - _y(value, full)) if value is not None else 4.0
    bar = Markup('<rect class="b o-{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>').format(
        status, x, f"{_LINE - height:.1f}", width, f"{height:.1f}"
    )
    mark = (
        Markup('<rect class="m o-{}" x="{}" y="{}" width="{}" height="6" rx="1"/>').format(status, x, _LINE + 4, width)
        if status in _HANGING
        else Markup()
    )
    said = [words.state(status, locale)]
    if run.started_at is not None:
        said.append(locale.duration(((run.finished_at or locale.now) - run.started_at).total_seconds()))
    if run.peak_memory:
        said.append(locale.size(run.peak_memory))
    said.append(locale.stamp(run.started_at or run.scheduled_for))
    return Markup(
        '<a href="/ui/executions/{}"><title>{}</title><rect class="hit" x="{}" y="0" width="{}" height="{}"/>{}{}</a>'
    ).format(run.id, locale.comma.join(said), f"{left:.2f}%", f"{pitch:.2f}%", _HEIGHT, bar, mark)


def _dates(shown: Sequence[Took], offset: float, pitch: float, locale: Locale) -> list[Markup]:
    """When the first, the middle and the last run were, each under its bar; a date that has no room is left out."""
    count, write = len(shown), locale.date if _days(shown) else locale.clock
    text = Markup('<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>')
    return [
        text.format(
            "t hide-sm" if count < 2 * least else "t",
            f"{offset + at * pitch:.2f}",
            _HEIGHT + _FOOT - 3,
            anchor,
            write(shown[i].scheduled_for),
        )
        for i, at, anchor, least in (
            (0, 0, "start", _ROOM),
            (count // 2, count // 2 + 0.5, "middle", 1.5 * _ROOM),
            (count - 1, count, "end", 0),
        )
        if count >= least
    ]


def _scale(full: float, metric: str, locale: Locale) -> Markup:
    def said(value: float) -> str:
        return locale.size(round(value)) if metric == "memory" else locale.duration(value)

    texts = [said(full), said(full / 2), "0"]
    width = 14 + max(sum(11 if ord(letter) > 255 else 6 for letter in text) for text in texts)
    body = Markup().join(
        Markup('<text x="{}" y="{}">{}</text>').format(width - 8, f"{_y(full * part, full) + 4:.1f}", text)
        for part, text in zip((1, 0.5, 0), texts, strict=True)
    )
    return Markup('<svg class="y" width="{}" height="{}" aria-hidden="true">{}</svg>').format(width, _HEIGHT, body)
