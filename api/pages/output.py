"""The log viewer: lines of both streams, a window of a thousand of them, what was searched for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from api.formats import Locale
from api.pages.ansi import Pen, plain, to_html

#: Never more lines than this in the document.
WINDOW = 1000
EMPTY = Markup()
STREAMS = ("both", "stdout", "stderr")


@dataclass(frozen=True)
class RawLine:
    """A line as the program wrote it. `at`: seconds since the start, known while pieces are kept."""

    err: bool
    text: str
    at: float | None = None


@dataclass(frozen=True)
class Piece:
    """What one read from a pipe gave."""

    err: bool
    at: float
    text: str


@dataclass(frozen=True)
class LogLine:
    """A line in the page, or a heading between lines (`title`)."""

    n: int = 0
    url: str = ""
    at: str = ""
    err: bool = False
    html: Markup = EMPTY
    title: str = ""


@dataclass(frozen=True)
class Choice:
    """One of the segments above the log."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class LogQuery:
    """What of the output is asked for: the address of a view of it."""

    base: str
    stream: str = "both"
    attempt: int | None = None
    start: int | None = None
    find: str = ""

    def url(self, **changes: object) -> str:
        values = {"stream": self.stream, "attempt": self.attempt, "from": self.start, "find": self.find, **changes}
        kept = {key: value for key, value in values.items() if value not in (None, "", "both")}
        return f"{self.base}?{urlencode(kept)}" if kept else self.base


@dataclass(frozen=True)
class LogView:
    """Everything `executions/_log.html` shows."""

    lines: list[LogLine]
    timed: bool
    size_text: str
    streams: list[Choice]
    attempts: list[Choice]
    find: str
    found: str
    kept: list[tuple[str, str]]
    download_url: str
    earlier_url: str | None
    earlier_text: str
    later_url: str | None
    later_text: str
    empty_text: str


def lines_of(stdout: str, stderr: str) -> list[RawLine]:
    """Both streams one after the other: once it has ended, their order among each other is not kept."""
    return [RawLine(err, line) for err, text in ((False, stdout), (True, stderr)) for line in _split(text)]


def lines_of_pieces(pieces: Iterable[Piece]) -> list[RawLine]:
    """Lines in the order they were finished; a line begun in one piece and ended in another is one line."""
    done: list[RawLine] = []
    open_: dict[bool, RawLine] = {}
    for piece in pieces:
        for number, part in enumerate(piece.text.split("\n")):
            if number:
                done.append(open_.pop(piece.err, RawLine(piece.err, "", piece.at)))
            if part:
                begun = open_.get(piece.err)
                open_[piece.err] = RawLine(
                    piece.err, (begun.text if begun else "") + part, begun.at if begun else piece.at
                )
    return done + list(open_.values())


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def log_view(
    raw: Sequence[RawLine], query: LogQuery, locale: Locale, *, size: int, attempts: Sequence[int], active: bool
) -> LogView:
    """The window of `raw` that `query` asks for, ready to be shown."""
    _ = locale.gettext
    wanted = [line for line in raw if query.stream == "both" or line.err == (query.stream == "stderr")]
    hits = _count_hits(wanted, query.find)
    first = _first(len(wanted), query.start, hits)
    shown = wanted[first : first + WINDOW]
    errors = sum(line.err for line in raw)
    last = attempts[-1] if attempts else 1
    chosen = query.attempt or last
    after = first + len(shown)
    return LogView(
        lines=list(_numbered(shown, first, query, locale)),
        timed=bool(shown) and shown[0].at is not None,
        size_text=_(
            "%(lines)s, %(size)s", lines=locale.ngettext("%(n)s line", "%(n)s lines", len(raw)), size=locale.size(size)
        ),
        streams=[
            Choice(_stream_label(name, errors, locale), query.url(stream=name, **{"from": None}), name == query.stream)
            for name in STREAMS
        ],
        attempts=[
            Choice(_("Attempt %(n)s", n=n), query.url(attempt=None if n == last else n, **{"from": None}), n == chosen)
            for n in attempts
        ],
        find=query.find,
        found=locale.ngettext("%(n)s hit", "%(n)s hits", sum(hits.values())) if query.find else "",
        kept=[(key, str(value)) for key, value in (("stream", query.stream), ("attempt", query.attempt)) if value],
        download_url=f"{query.base}/download?{urlencode({'stream': query.stream, 'attempt': chosen})}",
        earlier_url=query.url(**{"from": max(1, first + 1 - WINDOW)}) if first else None,
        earlier_text=_("Load earlier lines, %(n)s more", n=locale.number(first)),
        later_url=query.url(**{"from": after + 1}) if after < len(wanted) else None,
        later_text=_("Load later lines, %(n)s more", n=locale.number(len(wanted) - after)),
        empty_text=_empty(query, locale, active=active, any_at_all=bool(raw)),
    )


def _count_hits(lines: Sequence[RawLine], find: str) -> dict[int, int]:
    """Hits per line index."""
    if not find:
        return {}
    needle = find.lower()
    counted = {number: plain(line.text).lower().count(needle) for number, line in enumerate(lines)}
    return {number: count for number, count in counted.items() if count}


def _first(total: int, start: int | None, hits: dict[int, int]) -> int:
    """Index of the first line to show: where asked, else the end; moved back to the last hit if that lies before."""
    tail = max(0, total - WINDOW)
    if start is not None:
        return min(max(0, start - 1), max(0, total - 1))
    return max(0, min(tail, max(hits) - WINDOW // 2)) if hits else tail


def _numbered(lines: Sequence[RawLine], first: int, query: LogQuery, locale: Locale) -> Iterator[LogLine]:
    pens = {False: Pen(), True: Pen()}
    titled = query.stream == "both" and bool(lines) and lines[0].at is None and len({line.err for line in lines}) == 2
    for number, line in enumerate(lines, first + 1):
        if titled and line.err and (number == first + 1 or not lines[number - first - 2].err):
            yield LogLine(title=locale.gettext("stderr"))
        yield LogLine(
            n=number,
            url=f"{query.url()}#L{number}",
            at="" if line.at is None else f"+{line.at:.3f}",
            err=line.err,
            html=to_html(line.text, pens[line.err], query.find),
        )


def _stream_label(name: str, errors: int, locale: Locale) -> str:
    if name == "both":
        return locale.gettext("Both")
    if name == "stdout":
        return locale.gettext("stdout")
    label = locale.gettext("stderr")
    return f"{label} {locale.number(errors)}" if errors else label


def _empty(query: LogQuery, locale: Locale, *, active: bool, any_at_all: bool) -> str:
    _ = locale.gettext
    if any_at_all:
        return _("Nothing on this stream.")
    return _("Nothing written yet.") if active else _("It wrote nothing.")
