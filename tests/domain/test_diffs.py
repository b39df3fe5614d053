"""What changed between two texts: against difflib, and where texts are long."""

from difflib import unified_diff

from hypothesis import given
from hypothesis import strategies as st

from common.domain import diffs

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "x = 1"]), max_size=30).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


def applied(before: str, after: str) -> str:
    """The second text as the lines of the diff make it out of the first."""
    old, new, number = before.splitlines(), [], 0
    for line in diffs.changed(before, after, context=100):
        if line.kind == "removed":
            assert old[number] == line.text
        if line.kind in ("same", "removed"):
            number += 1
        if line.kind in ("same", "added"):
            new.append(line.text)
    return "".join(f"{line}\n" for line in new)


@given(TEXTS, TEXTS)
def test_a_diff_leads_from_one_text_to_the_other(before: str, after: str) -> None:
    if before == after:
        assert diffs.changed(before, after) == []
        assert diffs.unified(before, after, ("a", "b")) == ""
    else:
        assert applied(before, after) == after


def test_it_reads_like_diff_u() -> None:
    before = "".join(f"line {number}\n" for number in range(100))
    after = before.replace("line 20\n", "line twenty\nand one more\n").replace("line 80\n", "")
    expected = "".join(unified_diff(before.splitlines(True), after.splitlines(True), "one", "two"))
    assert diffs.unified(before, after, ("one", "two")) == expected
    kinds = [line.kind for line in diffs.changed(before, after)]
    assert kinds.count("gap") == 3
    assert len(kinds) < 25


def test_long_texts_that_have_nothing_in_common_are_not_compared_line_by_line() -> None:
    before, after = ("".join(f"{word} {number % 7}\n" for number in range(40_000)) for word in ("old", "new"))
    lines = diffs.changed(before, after)
    assert (sum(line.kind == "removed" for line in lines), sum(line.kind == "added" for line in lines)) == (
        40_000,
        40_000,
    )


def test_one_changed_line_in_a_long_text_is_one_line() -> None:
    before = "".join(f"line {number}\n" for number in range(100_000))
    lines = diffs.changed(before, before.replace("line 5000\n", "other\n"))
    assert [line.text for line in lines if line.kind in ("removed", "added")] == ["line 5000", "other"]
