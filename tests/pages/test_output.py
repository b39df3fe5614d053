"""The log viewer: colours, windows, hits; what programs write is never markup."""

import pytest

from api.formats import Locale
from api.pages.ansi import Pen, to_html
from api.pages.output import WINDOW, LogQuery, LogView, log_view
from common.db.session import ReadSession
from common.domain.terminal import plain
from common.domain.timing import Kept, in_lines, segments
from common.services.output import Output, TextLines
from tests.pages.conftest import NOW

EN = Locale("en", NOW)
NO_SESSION: ReadSession = None  # type: ignore[assignment]  # what stands in a row needs no database


async def view(stdout: str, stderr: str = "", *, marks: list[list[object]] | None = None, **query: object) -> LogView:
    streams = {False: TextLines(stdout), True: TextLines(stderr)}
    order = segments(marks or [], {"o": streams[False].count, "e": streams[True].count})
    asked = LogQuery("/ui/executions/7", **query)  # type: ignore[arg-type]
    return await log_view(NO_SESSION, Output(dict(streams), order), asked, EN, size=100, attempts=[1], active=False)


def test_colours_become_classes() -> None:
    assert to_html("\x1b[1;31mError\x1b[0m: x", Pen()) == '<span class="a-r a-1">Error</span>: x'


def test_a_colour_lasts_until_it_is_ended_on_another_line() -> None:
    pen = Pen()
    assert to_html("\x1b[32mgreen", pen) == '<span class="a-g">green</span>'
    assert to_html("still\x1b[39m plain", pen) == '<span class="a-g">still</span> plain'


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b"])
def test_markup_in_output_is_text(text: str) -> None:
    html = str(to_html(f"\x1b[31m{text}", Pen(), find="alert"))
    assert "<script" not in html
    assert "<img" not in html


@pytest.mark.parametrize(
    "escape", ["\x1b[2K", "\x1b[?25l", "\x1b[10;20H", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1b(", "\x07"]
)
def test_other_escape_sequences_disappear(escape: str) -> None:
    assert "\x1b" not in plain(f"a{escape}b")
    assert "\x07" not in to_html(f"a{escape}b", Pen())


def test_256_colours_do_not_leak_their_numbers() -> None:
    assert to_html("\x1b[38;5;196mred\x1b[48;2;1;2;3mx", Pen()) == "redx"


def test_a_progress_bar_shows_its_last_state() -> None:
    assert plain("10 %\r50 %\r100 %\r") == "100 %"


def test_a_hit_may_begin_in_one_colour_and_end_in_another() -> None:
    html = str(to_html("ab\x1b[31mcd\x1b[0me", Pen(), find="BC"))
    assert html == 'a<mark class="r-hit">b</mark><span class="a-r"><mark class="r-hit">c</mark></span>'[:-7] + (
        '</span><span class="a-r">d</span>e'
    )


def told(shown: LogView) -> list[tuple[int, str, str]]:
    return [(line.n, line.at, line.title or str(line.html)) for line in shown.lines]


async def test_there_are_never_more_lines_than_the_window_holds() -> None:
    shown = await view("x\n" * 5000)
    assert len(shown.lines) == WINDOW
    assert shown.lines[-1].n == 5000
    assert shown.earlier_url == "/ui/executions/7?from=3001"
    assert shown.later_url is None


async def test_the_beginning_can_be_asked_for() -> None:
    shown = await view("x\n" * 5000, start=1)
    assert (shown.lines[0].n, shown.earlier_url, shown.later_url) == (1, None, "/ui/executions/7?from=1001")


async def test_a_link_to_a_line_shows_it_with_what_stands_before_it() -> None:
    shown = await view("x\n" * 5000, line=2500)
    assert (shown.lines[0].n, shown.lines[100].n) == (2400, 2500)
    assert shown.lines[100].url == "/ui/executions/7?line=2500#L2500"


async def test_a_search_moves_the_window_to_the_last_hit_and_leads_to_those_beyond_it() -> None:
    text = "needle\n" + "x\n" * 4000 + "needle \x1b[31mnee\x1b[0mdle\n" + "x\n" * 3000
    shown = await view(text, find="NEEDLE")
    assert shown.found == "3 hits"
    assert shown.lines[0].n == 3502
    assert (shown.before_hit, shown.after_hit) == ("/ui/executions/7?from=1&find=NEEDLE", None)
    first = await view(text, find="needle", start=1)
    assert (first.before_hit, first.after_hit) == (None, "/ui/executions/7?from=3902&find=needle")


async def test_both_streams_have_a_heading_between_them_where_nobody_knows_their_order() -> None:
    shown = await view("out\n", "err\n")
    assert told(shown) == [(1, "", "out"), (0, "", "stderr"), (2, "", "err")]
    assert shown.streams[2].label == "stderr 1"
    assert not shown.timed


async def test_streams_are_shown_one_among_the_other_as_they_came() -> None:
    marks: list[list[object]] = [["o", 0, 0.004], ["e", 0, 0.5], ["o", 2, 1.25]]
    shown = await view("one\ntwo\nthree\n", "bad\n", marks=marks)
    assert told(shown) == [(1, "+0.004", "one"), (2, "+0.004", "two"), (3, "+0.500", "bad"), (4, "+1.250", "three")]
    late = await view("one\ntwo\nthree\n", "bad\n", marks=marks, since=0.4, until=1)
    assert told(late) == [(1, "+0.500", "bad")]


async def test_lines_of_a_level_and_worse_keep_their_numbers() -> None:
    stdout = "INFO begin\nWARN few rows\n  more of it\nINFO go on\nERROR no such table\n"
    shown = await view(stdout, "Traceback\n", level="WARNING")
    assert [line.n for line in shown.lines if line.n] == [2, 3, 5, 6]
    assert [line.n for line in (await view(stdout, "Traceback\n", level="ERROR")).lines if line.n] == [5, 6]
    assert (await view("fine\n", level="ERROR")).empty_text == "No line like this."


async def test_one_stream_alone_can_be_chosen() -> None:
    shown = await view("out\n", "err\n", stream="stderr")
    assert [str(line.html) for line in shown.lines] == ["err"]


async def test_silence_is_told() -> None:
    assert (await view("")).empty_text == "It wrote nothing."


def test_marks_by_bytes_become_marks_by_lines() -> None:
    out = Kept(b"one\ntwo\nthree", 13)
    marks = [["o", 0, 0.1], ["o", 2, 0.2], ["e", 0, 0.3], ["o", 8, 0.4]]
    assert in_lines(marks, {"o": out, "e": Kept(b"x", 1)}) == [
        ["o", 0, 0.1],
        ["o", 1, 0.2],
        ["e", 0, 0.3],
        ["o", 2, 0.4],
    ]
    # Nothing begins after the mark in the middle of the last line.
    assert in_lines([["o", 0, 0.1], ["o", 10, 0.2]], {"o": out})[-1] == ["o", 3, 0.2]
    assert segments([["o", 0, 0.1], ["o", 3, 0.2]], {"o": 3, "e": 0})[0].stop == 3


def test_what_was_dropped_is_two_lines_and_what_came_in_it_belongs_to_what_follows() -> None:
    kept = Kept(b"a\nb" + b"y\nz\n", 1000, cut=3)
    marks = [["o", 0, 0.1], ["o", 500, 5.0], ["o", 600, 6.0], ["o", 998, 9.0]]
    # a | b… | … left out … | y | z
    assert in_lines(marks, {"o": kept}) == [["o", 0, 0.1], ["o", 3, 5.0], ["o", 4, 9.0]]
