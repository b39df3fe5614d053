"""The timeline as SVG: solid ran, outlined is to come, hatched should have run; a mark under the line = look here."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.plots import now_line

LANE, STRIP = 29, 76
_TOP, _TALL = 8, 13
#: Percent of the width: what is narrower is drawn so wide, what is closer together than that is one bar.
_LEAST, LEAST_OUTLINE, APART = 0.28, 0.5, 0.12
_TROUBLE = ("failed", "timed_out", "lost", "missed")
_OUTLINED = ("skipped", "queued", "waiting", "missed")


@dataclass(frozen=True)
class Span:
    """One bar, in percent of the window; `outcome` is "next" for what is to come."""

    left: float
    width: float
    outcome: str
    title: str
    url: str = ""


def lane(bars: Sequence[Span], grid: Sequence[float], label: str, *, now: float | None) -> Markup:
    """One task. Trouble is drawn last, so that nothing hides it."""
    lines = Markup().join(
        Markup('<line class="grid" x1="{x}%" x2="{x}%" y1="0" y2="{h}"/>').format(x=f"{x:.3f}", h=LANE) for x in grid
    )
    order = sorted(bars, key=lambda bar: (bar.outcome in _TROUBLE, bar.left))
    return Markup('<svg width="100%" height="{h}" role="group" aria-label="{label}">{lines}{bars}{now}</svg>').format(
        h=LANE, label=label, lines=lines, bars=Markup().join(map(_bar, order)), now=now_line(now, "", LANE + 1)
    )


def _bar(bar: Span) -> Markup:
    width = max(_LEAST, bar.width)
    if bar.outcome == "skipped":
        y, tall = _TOP + 3.5, 6.0
    elif bar.outcome in _OUTLINED or bar.outcome == "next":
        y, tall = _TOP + 0.5, _TALL - 1.0
        width = max(LEAST_OUTLINE, width)
    else:
        y, tall = float(_TOP), float(_TALL)
    kind = "b next" if bar.outcome == "next" else f"b o-{bar.outcome}"
    shape = Markup('<rect class="{}" x="{}%" width="{}%" y="{}" height="{}" rx="1.5"/>').format(
        kind, f"{bar.left:.3f}", f"{width:.3f}", f"{y:g}", f"{tall:g}"
    )
    if bar.outcome in _TROUBLE:
        shape += Markup('<rect class="m o-{}" x="{}%" width="{}%" y="23.5" height="2.5"/>').format(
            bar.outcome, f"{bar.left:.3f}", f"{max(width if width < 0.6 else 0.5, 0.4):.3f}"
        )
    inside = Markup("<title>{}</title>{}").format(bar.title, shape)
    if bar.url:
        return Markup('<a href="{}" tabindex="-1">{}</a>').format(bar.url, inside)
    return Markup("<g>{}</g>").format(inside)


#: So far from the left the flag of now may reach over the word that stands there.
_FLAGGED = 0.3


def close_together(left: float, width: float, end_before: float) -> bool:
    """Whether a bar is so narrow and so near to the one before that the two are one on the screen."""
    return width < _LEAST and left - end_before < APART


def strip(
    busy: Sequence[float], wanted: Sequence[int | None], slots: int, *, now: float | None, clock: str, labels: "Labels"
) -> Markup:
    """The load: darker what was, lighter what is expected, amber what is more than there are slots."""
    most = max([slots, 1, *busy, *(each or 0 for each in wanted)])
    scale = 46 / most
    line = 70 - slots * scale
    pitch = 100 / max(1, len(busy))
    body = Markup()
    for step, (was, will) in enumerate(zip(busy, wanted, strict=True)):
        past = now is None or (step + 0.5) * pitch / 100 <= now
        value = was if past else float(will or 0)
        if value > 0:
            body += _load(step * pitch, pitch, value, slots, scale, past=past, labels=labels)
    limit = Markup('<line class="limit" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=f"{line:.1f}") if slots else ""
    # Where the flag of now would lie on it, the word goes to the other end.
    place = 'x="100%" dx="-6" text-anchor="end"' if now is not None and 0 <= now < _FLAGGED else 'x="6"'
    words = Markup('<text class="t" {} y="{}">{}</text>').format(
        Markup(place), f"{max(10.0, line - 5):.1f}", labels.slots
    )
    return Markup(
        '<svg width="100%" height="{h}" role="img" aria-label="{label}">{body}{limit}{words}'
        '<line class="axis" x1="0" x2="100%" y1="70.5" y2="70.5"/>{now}</svg>'
    ).format(h=STRIP, label=labels.whole, body=body, limit=limit, words=words, now=now_line(now, clock, STRIP))


@dataclass(frozen=True)
class Labels:
    """Words of the strip: what the whole is, how many slots, and what one step says (`{n}` for the number)."""

    whole: str
    slots: str
    busy: str
    wanted: str


def _load(left: float, width: float, value: float, slots: int, scale: float, *, past: bool, labels: Labels) -> Markup:
    within = min(value, slots) if slots else value
    title = (labels.busy if past else labels.wanted).replace("{n}", f"{value:.1f}" if past else f"{value:.0f}")
    x, wide = f"{left:.3f}%", f"{width - 0.05:.3f}%"
    tall = max(1.0, within * scale)
    parts = Markup('<rect class="area{}" x="{}" width="{}" y="{}" height="{}"/>').format(
        "" if past else " soft", x, wide, f"{70 - tall:.1f}", f"{tall:.1f}"
    )
    if slots and value > slots:
        over = (value - slots) * scale
        parts += Markup('<rect class="area over" x="{}" width="{}" y="{}" height="{}"/>').format(
            x, wide, f"{70 - tall - over:.1f}", f"{over:.1f}"
        )
    return Markup("<g><title>{}</title>{}</g>").format(title, parts)
