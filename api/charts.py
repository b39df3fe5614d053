"""Run bars as SVG from the server: work stands on the line, trouble hangs below it (visual.md, 3 and 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

#: Mark below the line per outcome, as a path around (x, y) = (middle of the bar, 1.5 px under the line).
_MARKS = {
    "failed": "M{left} {y}h5v5h-5z",
    "timed_out": "M{left} {low}h5v2.2h-5z",
    "warning": "M{x} {y}l3 5h-6z",
    "lost": "M{x} {y}l3 3-3 3-3-3z",
    "missed": "M{x} {y}l3 3-3 3-3-3z",
}
_HOLLOW = {"queued", "waiting"}


@dataclass(frozen=True)
class Bar:
    """One run: its outcome, how long it took (None when it never ran), where it leads and what it says."""

    outcome: str
    seconds: float | None
    url: str
    title: str


@dataclass(frozen=True)
class Shape:
    """Sizes in pixels: `pitch` is a bar with its gap, `plot` the height above the line."""

    pitch: int
    plot: int
    slots: int

    @property
    def gap(self) -> int:
        return 2 if self.pitch <= 8 else 4

    @property
    def width(self) -> int:
        return self.pitch * self.slots

    @property
    def height(self) -> int:
        return self.plot + 7


ROW = Shape(pitch=8, plot=24, slots=20)
WIDE = Shape(pitch=16, plot=40, slots=44)


def run_bars(bars: Sequence[Bar], label: str, shape: Shape = ROW) -> Markup:
    """Bars oldest first, the newest at the right; where history is missing the line stays empty at the left."""
    shown = bars[-shape.slots :]
    full = _full_height([bar.seconds or 0 for bar in shown])
    offset = shape.slots - len(shown)
    body = Markup().join(_bar(bar, (offset + i) * shape.pitch, full, shape) for i, bar in enumerate(shown))
    return Markup(
        '<svg class="r-bars" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="group" aria-label="{label}">'
        '<path class="base" d="M0 {line}H{w}"/>{body}</svg>'
    ).format(w=shape.width, h=shape.height, label=label, line=shape.plot + 0.5, body=body)


def _full_height(seconds: Sequence[float]) -> float:
    """The duration that fills the plot: the 95th percentile, so that one giant does not flatten the rest."""
    ordered = sorted(seconds)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else 0.0


def _bar(bar: Bar, left: int, full: float, shape: Shape) -> Markup:
    tall = min(shape.plot - 1, max(3, round((bar.seconds or 0) / full * (shape.plot - 1)))) if full else 3
    drawing = _drawing(bar.outcome, left, tall, shape)
    return Markup('<a href="%s" tabindex="-1"><title>%s</title>%s</a>') % (bar.url, bar.title, drawing)


@lru_cache(maxsize=8192)
def _drawing(outcome: str, left: int, tall: int, shape: Shape) -> Markup:
    """What is seen of a bar. A page of tasks has a thousand of them, and few look different."""
    wide = shape.pitch - shape.gap
    return Markup('<rect class="hit" x="{left}" width="{pitch}" height="{height}"/>{ground}{body}{mark}').format(
        left=left,
        pitch=shape.pitch,
        height=shape.height,
        ground=_ground(outcome, left, wide, shape),
        body=_body(outcome, left + 1, wide, tall, shape.plot),
        mark=_mark(outcome, left + 1 + wide / 2, shape.plot),
    )


def _ground(outcome: str, left: int, wide: int, shape: Shape) -> Markup:
    if outcome not in _MARKS:
        return Markup()
    return Markup('<rect class="ground o-{}" x="{}" y="0" width="{}" height="{}" rx="1"/>').format(
        outcome, left + 0.5, wide + 1, shape.plot
    )


def _body(outcome: str, x: int, wide: int, tall: int, plot: int) -> Markup:
    """Solid = ran, outline = has not run, hatched = should have run."""
    if outcome == "skipped":
        tall = 4
    elif outcome in _HOLLOW:
        tall = 6
    elif outcome == "missed":
        tall = plot - 5
    else:
        return Markup('<rect class="b o-{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>').format(
            outcome, x, plot - tall, wide, tall
        )
    return Markup('<rect class="b o-{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        outcome, x + 0.5, plot - tall - 0.5, wide - 1, tall
    )


def _mark(outcome: str, x: float, plot: int) -> Markup:
    path = _MARKS.get(outcome)
    if path is None:
        return Markup()
    y = plot + (2 if outcome == "failed" else 1.5)
    return Markup('<path class="m o-{}" d="{}"/>').format(
        outcome, path.format(left=f"{x - 2.5:g}", x=f"{x:g}", y=f"{y:g}", low=f"{plot + 3:g}")
    )
