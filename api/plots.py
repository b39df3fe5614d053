"""Charts as SVG from the server: percent for x, pixels for y, so that they are fluid and nothing is stretched.

Work stands on the line, trouble hangs below it (visual.md, 3 and 6). Readable without a script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

#: What stands on the line from below, and what hangs under it.
STANDS = ("success", "cancelled", "skipped", "running")
HANGS = ("failed", "timed_out", "lost", "missed")
_TOP, _LINE, _HEIGHT = 2.5, 112.5, 150
_MARK, _MOST_MARKS = 8, 3


@dataclass(frozen=True)
class Column:
    """One stretch of time: how many ended in which way, or how many are expected; where it leads and what it says."""

    title: str
    counts: Mapping[str, int] = field(default_factory=dict)
    expected: int = 0
    url: str = ""


@dataclass(frozen=True)
class Plot:
    """The chart, the words at its left and below it."""

    svg: Markup
    scale: Markup
    ticks: list[str]


def nice(value: float) -> int:
    """The next round number at or above: 1, 2, 4, 5, 10, 20, 40, 50, 100 …; even, so that half of it is whole."""
    size = 1
    while True:
        for step in (2, 4, 6, 10):
            if value <= step * size:
                return step * size
        size *= 10


def columns(
    shown: Sequence[Column], ticks: Sequence[str], label: str, *, now: float | None = None, clock: str = ""
) -> Plot:
    """Stacked columns; `now` is where the line of now stands (0 to 1), `clock` what its flag says."""
    full = nice(max((sum(each.counts.get(name, 0) for name in STANDS) + each.expected for each in shown), default=1))
    pitch = 100 / max(1, len(shown))
    body = Markup().join(_column(each, i * pitch, pitch, full) for i, each in enumerate(shown))
    lines = Markup('<path class="grid" d=""/>') if not shown else Markup()
    for y in (_TOP, (_TOP + _LINE) / 2):
        lines += Markup('<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=y)
    svg = Markup(
        '<svg width="100%" height="{h}" role="group" aria-label="{label}">{lines}{body}'
        '<line class="axis" x1="0" x2="100%" y1="{line}" y2="{line}"/>{now}</svg>'
    ).format(h=_HEIGHT, label=label, lines=lines, body=body, line=_LINE, now=now_line(now, clock, _HEIGHT))
    return Plot(svg, _scale(full), list(ticks))


def now_line(now: float | None, clock: str, height: int) -> Markup:
    """The line of now with its time, which turns to the left near the right edge."""
    if now is None or not 0 <= now <= 1:
        return Markup()
    left = -44 if now > 0.93 else 0
    flag = (
        Markup(
            '<svg x="{x}%" overflow="visible"><rect class="nowflag" x="{left}" width="44" height="16" rx="3"/>'
            '<text class="nowt" x="{middle}" y="12">{clock}</text></svg>'
        ).format(x=f"{now * 100:.2f}", left=left, middle=left + 22, clock=clock)
        if clock
        else Markup()
    )
    return Markup('<line class="now" x1="{x}%" x2="{x}%" y1="0" y2="{h}"/>{flag}').format(
        x=f"{now * 100:.2f}", h=height, flag=flag
    )


def _column(each: Column, left: float, pitch: float, full: int) -> Markup:
    gap = min(1.2, pitch * 0.3)
    x, width = f"{left + gap / 2:.2f}%", f"{pitch - gap:.2f}%"
    height, y = _LINE - _TOP, _LINE - 0.5
    parts = []
    for name in STANDS:
        if count := each.counts.get(name, 0):
            tall = max(2.0, count / full * height)
            y -= tall
            inset = 0.5 if name == "skipped" else 0
            parts.append(_rect(f"b o-{name}", x, f"{y + inset:.1f}", width, f"{tall - 2 * inset:.1f}"))
    if each.expected:
        tall = max(2.0, each.expected / full * height)
        parts.append(_rect("b next", x, f"{y - tall + 0.5:.1f}", width, f"{tall:.1f}"))
    parts += _marks(each, x, width)
    hit = _rect("hit", f"{left:.2f}%", "0", f"{pitch:.2f}%", str(_HEIGHT))
    inside = Markup("<title>{}</title>").format(each.title) + Markup().join([hit, *parts])
    if not each.url:
        return Markup("<g>{}</g>").format(inside)
    return Markup('<a href="{}">{}</a>').format(each.url, inside)


def _marks(each: Column, x: str, width: str) -> list[Markup]:
    """One mark each, at most three of all: the title says how many there were."""
    found = [name for name in HANGS for _ in range(each.counts.get(name, 0))]
    if len(found) > _MOST_MARKS:
        kinds = [name for name in HANGS if each.counts.get(name)]
        found = sorted((kinds * _MOST_MARKS)[:_MOST_MARKS], key=HANGS.index) if len(kinds) < _MOST_MARKS else kinds[:3]
    return [
        Markup('<rect class="m o-{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>').format(
            name, x, _LINE + 3.5 + i * (_MARK + 2), width, _MARK
        )
        for i, name in enumerate(found)
    ]


def _rect(kind: str, x: str, y: str, width: str, height: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(kind, x, y, width, height)


def _scale(full: int) -> Markup:
    texts = ((_TOP + 4.5, full), ((_TOP + _LINE) / 2 + 4, full // 2), (_LINE + 4, 0))
    width = max(20, 10 + 7 * len(f"{full:,}"))
    body = Markup().join(
        Markup('<text x="{}" y="{}">{}</text>').format(width - 8, f"{y:g}", f"{value:,}") for y, value in texts
    )
    return Markup('<svg class="y" width="{}" height="{}" aria-hidden="true">{}</svg>').format(width, _HEIGHT, body)
