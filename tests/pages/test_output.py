"""The log viewer: colours, windows, hits; what programs write is never markup."""

import pytest

from api.formats import Locale
from api.pages.ansi import Pen, plain, to_html
from api.pages.output import WINDOW, LogQuery, LogView, Piece, RawLine, lines_of, lines_of_pieces, log_view
from tests.pages.conftest import NOW

EN = Locale("en", NOW)


def view(raw: list[RawLine], **query: object) -> LogView:
    asked = LogQuery("/ui/executions/7", **query)  # type: ignore[arg-type]
    return log_view(raw, asked, EN, size=100, attempts=[1], active=False)


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


def test_lines_that_come_in_pieces_are_put_together() -> None:
    pieces = [
        Piece(False, 0.1, "hel"),
        Piece(True, 0.2, "oops\n"),
        Piece(False, 0.3, "lo\nnext\n"),
        Piece(False, 1, "end"),
    ]
    lines = lines_of_pieces(pieces)
    assert [(line.err, line.text, line.at) for line in lines] == [
        (True, "oops", 0.2),
        (False, "hello", 0.1),
        (False, "next", 0.3),
        (False, "end", 1),
    ]


def test_there_are_never_more_lines_than_the_window_holds() -> None:
    raw = lines_of("x\n" * 5000, "")
    shown = view(raw)
    assert len(shown.lines) == WINDOW
    assert shown.lines[-1].n == 5000
    assert shown.earlier_url == "/ui/executions/7?from=3001"
    assert shown.later_url is None


def test_the_beginning_can_be_asked_for() -> None:
    shown = view(lines_of("x\n" * 5000, ""), start=1)
    assert (shown.lines[0].n, shown.earlier_url, shown.later_url) == (1, None, "/ui/executions/7?from=1001")


def test_a_search_moves_the_window_to_the_last_hit_and_counts_them_all() -> None:
    raw = lines_of("needle\n" + "x\n" * 4000, "")
    shown = view(raw, find="NEEDLE")
    assert shown.lines[0].n == 1
    assert shown.found == "1 hit"


def test_both_streams_have_a_heading_between_them() -> None:
    shown = view(lines_of("out\n", "err\n"))
    assert [line.title or line.html for line in shown.lines] == ["out", "stderr", "err"]
    assert shown.streams[2].label == "stderr 1"


def test_one_stream_alone_can_be_chosen() -> None:
    shown = view(lines_of("out\n", "err\n"), stream="stderr")
    assert [str(line.html) for line in shown.lines] == ["err"]


def test_silence_is_told() -> None:
    assert view([]).empty_text == "It wrote nothing."
