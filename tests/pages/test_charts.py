"""Run bars: the grammar of visual.md, as SVG that is data and no markup of strangers."""

from xml.etree import ElementTree

from api.charts import ROW, WIDE, Bar, run_bars


def draw(*outcomes: str, seconds: float | None = 10, label: str = "Last runs") -> ElementTree.Element:
    return ElementTree.fromstring(
        run_bars([Bar(each, seconds, f"/ui/executions/{i}", each) for i, each in enumerate(outcomes)], label)
    )


def test_the_newest_run_is_at_the_right_and_missing_history_leaves_the_left_empty() -> None:
    last = draw("success", "failed")[-1]
    assert last.attrib["href"] == "/ui/executions/1"
    assert last.find("rect[@class='hit']").attrib["x"] == str(ROW.width - ROW.pitch)  # type: ignore[union-attr]


def test_trouble_hangs_below_the_line_and_success_does_not() -> None:
    drawn = draw("success", "failed", "timed_out", "lost", "missed", "skipped", "running")
    marked = [each.findtext("title") for each in drawn.iter("a") if each.find("path") is not None]
    assert marked == ["failed", "timed_out", "lost", "missed"]


def test_a_short_run_still_has_a_bar() -> None:
    drawn = ElementTree.fromstring(run_bars([Bar("success", 0.001, "/a", "x"), Bar("success", 1000, "/b", "y")], "l"))
    heights = [int(rect.attrib["height"]) for rect in drawn.iter("rect") if rect.attrib["class"].startswith("b ")]
    assert heights == [3, ROW.plot - 1]


def test_one_giant_does_not_flatten_the_rest() -> None:
    bars = [Bar("success", 10, "/a", "x")] * 39 + [Bar("success", 10_000, "/b", "y")]
    drawn = ElementTree.fromstring(run_bars(bars, "l", WIDE))
    heights = {int(rect.attrib["height"]) for rect in drawn.iter("rect") if rect.attrib["class"].startswith("b ")}
    assert heights == {WIDE.plot - 1}


def test_no_more_bars_than_there_is_room_for() -> None:
    assert len(draw(*["success"] * 50).findall("a")) == ROW.slots


def test_names_of_tasks_are_escaped() -> None:
    assert draw("success", label='"><script>').attrib["aria-label"] == '"><script>'
