"""Terminal output as HTML: colours become classes, every other escape sequence disappears, hits are marked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import Markup, escape

from common.domain.terminal import CONTROL, ESCAPE, overwritten

_COLOURS = {0: "a-d", 1: "a-r", 2: "a-g", 3: "a-y", 4: "a-b", 5: "a-m", 6: "a-c"}
_ON = {1: "a-1", 2: "a-d", 3: "a-i", 4: "a-u", 9: "a-s"}
_OFF = {22: ("a-1", "a-d"), 23: ("a-i",), 24: ("a-u",), 29: ("a-s",)}


@dataclass
class Pen:
    """The colours and weights in force; it carries over from line to line."""

    colour: str = ""
    marks: set[str] = field(default_factory=set)

    @property
    def classes(self) -> str:
        return " ".join([*([self.colour] if self.colour else []), *sorted(self.marks)])

    def set(self, codes: str) -> None:
        numbers = [int(code) for code in re.split("[;:]", codes) if code.isdecimal()] or [0]
        while numbers:
            self._take(numbers.pop(0), numbers)

    def _take(self, code: int, rest: list[int]) -> None:
        if code == 0:
            self.colour, self.marks = "", set()
        elif code in _ON:
            self.marks.add(_ON[code])
        elif code in _OFF:
            self.marks.difference_update(_OFF[code])
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self.colour = _COLOURS.get(code % 10, "")
        elif code == 39:
            self.colour = ""
        elif code in (38, 48):  # 256 colours or RGB: their numbers follow, and we have no such hues
            del rest[: 2 if rest[:1] == [5] else 4]


def to_html(line: str, pen: Pen, find: str = "") -> Markup:
    """One line with its colours, and what `find` matches marked. The pen is left as the line leaves it."""
    runs = list(_runs(overwritten(line), pen))
    hits = _hits("".join(text for _, text in runs), find)
    return Markup().join(_marked(runs, hits))


def _runs(line: str, pen: Pen) -> Iterator[tuple[str, str]]:
    at = 0
    for match in ESCAPE.finditer(line):
        if match.start() > at:
            yield pen.classes, CONTROL.sub("", line[at : match.start()])
        if match[2] == "m":
            pen.set(match[1])
        at = match.end()
    if at < len(line):
        yield pen.classes, CONTROL.sub("", line[at:])


def _hits(text: str, find: str) -> list[tuple[int, int]]:
    if not find:
        return []
    return [match.span() for match in re.finditer(re.escape(find), text, re.IGNORECASE)]


def _marked(runs: list[tuple[str, str]], hits: list[tuple[int, int]]) -> Iterator[Markup]:
    """Cut the runs at the edges of the hits: a hit may begin in one colour and end in another."""
    begin = 0
    for classes, text in runs:
        edges = sorted({0, len(text), *(edge - begin for hit in hits for edge in hit if 0 < edge - begin < len(text))})
        for left, right in pairwise(edges):
            hit = any(start <= begin + left < stop for start, stop in hits)
            yield _span(text[left:right], classes, hit)
        begin += len(text)


def _span(text: str, classes: str, hit: bool) -> Markup:
    html = escape(text)
    if hit:
        html = Markup('<mark class="r-hit">{}</mark>').format(html)
    return Markup('<span class="{}">{}</span>').format(classes, html) if classes else html
