"""The log viewer: a window of a thousand lines of an output of any length, and what was searched for in it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from api.formats import Locale
from api.pages.ansi import Pen, to_html
from common.db.session import ReadSession
from common.domain.logs import LEVELS
from common.domain.timing import Segment
from common.domain.transcript import Survey, Wish
from common.i18n import N_
from common.services.output import Output

#: Never more lines than this in the document.
WINDOW = 1000
#: Lines shown before the one that a link names.
LEAD = 100
EMPTY = Markup()
#: What a part of the address is called where our word for it is another.
_NAMES = {"start": "from"}
STREAMS = ("both", "stdout", "stderr")
_LEVEL_WORDS = (
    ("", N_("All levels")),
    ("INFO", N_("Info and worse")),
    ("WARNING", N_("Warnings and worse")),
    ("ERROR", N_("Errors only")),
)


@dataclass(frozen=True)
class LogLine:
    """A line in the page, or a heading between lines (`title`)."""

    n: int = 0
    url: str = ""
    at: str = ""
    err: bool = False
    html: Markup = EMPTY
    title: str = ""
    #: Still being written: more of it may come.
    open: bool = False


@dataclass(frozen=True)
class Choice:
    """One of the segments above the log."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class LogQuery:
    """What of the output is asked for: the address of a view of it.

    `start` is the first line to show by its place among those that match, `line` one to show by its number.
    """

    base: str
    stream: str = "both"
    attempt: int | None = None
    start: int | None = None
    line: int | None = None
    find: str = ""
    level: str = ""
    since: float | None = None
    until: float | None = None

    def url(self, path: str = "", **changes: object) -> str:
        place = {"start": self.start, "line": self.line, "find": self.find}
        values = {**self._filters(), **place, **changes}
        kept = {_NAMES.get(key, key): value for key, value in values.items() if value not in (None, "", "both")}
        return f"{self.base}{path}?{urlencode(kept)}" if kept else f"{self.base}{path}"

    def _filters(self) -> dict[str, object]:
        times = {"since": _seconds(self.since), "until": _seconds(self.until)}
        return {"stream": self.stream, "attempt": self.attempt, "level": self.level, **times}

    @property
    def wish(self) -> Wish:
        """The lines it asks for."""
        return Wish(self.stream, self.level, self.since, self.until, self.find)

    @property
    def narrowed(self) -> bool:
        """Whether lines are left out."""
        return self.stream != "both" or bool(self.level) or self.since is not None or self.until is not None


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


@dataclass(frozen=True)
class LogView:
    """Everything `executions/_log.html` shows."""

    lines: list[LogLine]
    timed: bool
    size_text: str
    streams: list[Choice]
    attempts: list[Choice]
    levels: list[tuple[str, str]]
    query: LogQuery
    found: str
    kept: list[tuple[str, str]]
    url: str
    download_url: str
    #: Where new lines come from while it runs.
    stream_url: str | None
    #: How many lines are shown already: where the stream goes on.
    after: int
    earlier_url: str | None
    earlier_text: str
    later_url: str | None
    later_text: str
    #: The windows with the hits before the first and after the last one shown.
    before_hit: str | None
    after_hit: str | None
    empty_text: str
    since: str
    until: str


async def log_view(
    session: ReadSession,
    output: Output,
    query: LogQuery,
    locale: Locale,
    *,
    size: int,
    attempts: Sequence[int],
    active: bool,
    running: bool = False,
) -> LogView:
    """The window of the output that `query` asks for, ready to be shown."""
    _ = locale.gettext
    survey = await output.survey(session, query.wish)
    first = _first(survey, query)
    after = min(first + WINDOW, survey.count)
    numbers = range(first, after) if survey.shown is None else survey.shown[first:after]
    finished = output.finished(query.wish)
    lines = list(shown_lines(await output.read(session, query.wish, numbers), query, locale, finished=finished))
    total = {err: stream.count for err, stream in output.streams.items()}
    last = attempts[-1] if attempts else 1
    chosen = query.attempt or last
    before_hit, after_hit = _hits_beyond(survey, query, first, after)
    follows = running and chosen == last and after == survey.count
    return LogView(
        lines=lines,
        timed=any(line.at for line in lines),
        size_text=_size_text(sum(total.values()), size, locale),
        streams=[
            Choice(
                _stream_label(name, total[True], locale),
                query.url(stream=name, start=None, line=None),
                name == query.stream,
            )
            for name in STREAMS
        ],
        attempts=[
            Choice(
                _("Attempt %(n)s", n=n),
                query.url(attempt=None if n == last else n, start=None, line=None),
                n == chosen,
            )
            for n in attempts
        ],
        levels=[(key, _(label)) for key, label in _LEVEL_WORDS],
        query=query,
        found=locale.ngettext("%(n)s hit", "%(n)s hits", survey.found) if query.find else "",
        kept=[(key, str(value)) for key, value in (("stream", query.stream), ("attempt", query.attempt)) if value],
        url=f"{query.base}/log",
        download_url=f"{query.base}/download?{urlencode({'stream': query.stream, 'attempt': chosen})}",
        stream_url=query.url("/log/stream", start=None, line=None) if follows else None,
        after=finished,
        earlier_url=query.url(line=None, start=max(1, first + 1 - WINDOW)) if first else None,
        earlier_text=_("Load earlier lines, %(n)s more", n=locale.number(first)),
        later_url=query.url(line=None, start=after + 1) if after < survey.count else None,
        later_text=_("Load later lines, %(n)s more", n=locale.number(survey.count - after)),
        before_hit=before_hit,
        after_hit=after_hit,
        empty_text=_empty(query, locale, active=active, any_at_all=any(total.values())),
        since=_seconds(query.since),
        until=_seconds(query.until),
    )


def _size_text(lines: int, size: int, locale: Locale) -> str:
    """How long it is; while it runs nobody has counted the bytes."""
    told = locale.ngettext("%(n)s line", "%(n)s lines", lines)
    return locale.gettext("%(lines)s, %(size)s", lines=told, size=locale.size(size)) if size else told


def _first(survey: Survey, query: LogQuery) -> int:
    """Place of the first line to show: where asked, else the end; moved back to the last hit if that lies before."""
    count = survey.count
    tail = max(0, count - WINDOW)
    if query.line is not None:
        place = query.line - 1 if survey.shown is None else bisect_left(survey.shown, query.line - 1)
        return max(0, min(place - LEAD, tail))
    if query.start is not None:
        return min(max(0, query.start - 1), max(0, count - 1))
    return max(0, min(tail, survey.hits[-1] - WINDOW // 2)) if survey.hits else tail


def _hits_beyond(survey: Survey, query: LogQuery, first: int, after: int) -> tuple[str | None, str | None]:
    """The addresses of the windows around the nearest hits that lie outside of this one."""
    hits = survey.hits
    at, beyond = bisect_left(hits, first), bisect_left(hits, after)
    before = query.url(line=None, start=max(1, hits[at - 1] + 1 - WINDOW // 2)) if at else None
    later = query.url(line=None, start=max(1, hits[beyond] + 1 - LEAD)) if beyond < len(hits) else None
    return before, later


def shown_lines(
    found: Iterable[tuple[int, Segment, str]], query: LogQuery, locale: Locale, *, finished: int
) -> Iterator[LogLine]:
    """Lines as the page shows them: numbered, coloured, hits marked; from `finished` on they are still open."""
    pens = {False: Pen(), True: Pen()}
    before: bool | None = None
    for number, segment, text in found:
        if segment.at is None and query.stream == "both" and segment.err and before is not True:
            yield LogLine(title=locale.gettext("stderr"))
        before = segment.err
        yield LogLine(
            n=number + 1,
            url=f"{query.url(line=number + 1, start=None)}#L{number + 1}",
            at="" if segment.at is None else f"+{segment.at:.3f}",
            err=segment.err,
            html=to_html(text, pens[segment.err], query.find),
            open=number >= finished,
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
        return _("No line like this.") if query.level or query.since or query.until else _("Nothing on this stream.")
    return _("Nothing written yet.") if active else _("It wrote nothing.")


def level_of(text: str) -> str:
    """A level by its name; what is none counts as not asked."""
    return text if text in LEVELS else ""
