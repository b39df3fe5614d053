"""The sentences of the fire ledger, and the load that coming runs make."""

from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest

from common.domain import reasons
from common.domain.forecast import Coming, buckets, expected
from common.domain.misfire import BOUND, plan
from common.domain.reasons import CODES, Reason, of_row, sentence, span
from tests.domain.support import NOW, cron


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_sentence_says_the_same_facts_in_both_languages(code: str) -> None:
    english, chinese = reasons._TEXTS[code]
    facts = [
        {name.removesuffix("_zh") for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)
    ]
    assert facts[0] == facts[1]
    assert english.isascii()
    assert english.endswith((".", "}"))
    assert chinese.endswith("。")
    assert not any(mark in chinese for mark in ",.!;")


def test_instants_are_shown_in_a_zone_and_lengths_in_words() -> None:
    late = Reason("late", {"lateness": 3725.0, "started": datetime(2026, 3, 29, 1, tzinfo=UTC)})
    assert late.text("en", "Europe/Berlin") == "It ran 1 h 2 min late, at 2026-03-29 03:00:00."
    assert late.text("zh", "Asia/Shanghai") == "延迟 1 小时 2 分钟，于 2026-03-29 09:00:00 执行。"
    assert sentence([late, Reason("success")], "en").endswith(":00:00. It succeeded.")
    assert sentence([late, Reason("success")], "zh").endswith("执行。执行成功。")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"), (9.94, "9.9 s"), (10.0, "10 s"), (59.4, "59 s"), (60.0, "1 min"), (3599.0, "59 min"),
        (3600.0, "1 h"), (7260.0, "2 h 1 min"), (86_400.0, "1 d"), (273_600.0, "3 d 4 h"),
    ],
)  # fmt: skip
def test_a_length_of_time_is_short(seconds: float, words: str) -> None:
    assert span(seconds, "en") == words


def test_every_reason_that_firing_gives_has_its_sentence() -> None:
    given = {"overlap", "paused", "calendar", "schedule_broken"}
    now = NOW + timedelta(days=2)
    for policy in ("latest", "all", "skip"):
        for grace in (None, 60):
            found = plan(cron("* * * * *"), due=NOW, now=now, policy=policy, grace=grace)
            given |= {found.summary.reason} if found.summary else set()
            given |= {missed.reason for missed in found.missed}
    assert {"superseded", "bound", "policy_skip", "grace_over"} <= given
    assert given <= CODES
    assert BOUND == 100
    assert of_row("skipped", "of a later version") == "skipped"
    assert of_row("missed", "") == "missed"


def coming(minute: float, seconds: float | None = None) -> Coming:
    return Coming(NOW + timedelta(minutes=minute), 1, "default", seconds)


def load(*runs: Coming) -> list[tuple[int, int]]:
    found = buckets(runs, start=NOW, width=timedelta(minutes=10), count=4)
    return [(bucket.starts, bucket.peak) for bucket in found]


def test_runs_that_overlap_add_up() -> None:
    assert load(coming(1, 120), coming(2, 120), coming(3.5, 60)) == [(3, 2), (0, 0), (0, 0), (0, 0)]
    assert load(coming(1, 150), coming(2, 120), coming(3, 60)) == [(3, 3), (0, 0), (0, 0), (0, 0)]


def test_a_long_run_counts_in_every_stretch_it_goes_on_in() -> None:
    assert load(coming(1, 1500)) == [(1, 1), (0, 1), (0, 1), (0, 0)]
    assert load(coming(1, 1500), coming(25, 60)) == [(1, 1), (0, 1), (1, 2), (0, 0)]
    assert load(coming(1, 100_000)) == [(1, 1), (0, 1), (0, 1), (0, 1)]


def test_a_run_of_unknown_length_is_short_and_the_end_is_not_looked_beyond() -> None:
    assert load(coming(5), coming(5), coming(39.99), coming(40)) == [(2, 2), (0, 0), (0, 0), (1, 1)]


def test_a_run_is_expected_to_take_what_the_middle_one_took() -> None:
    assert expected([]) is None
    assert expected([1.0, 900.0, 3.0]) == 3.0
