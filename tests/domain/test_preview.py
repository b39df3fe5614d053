"""The next fires as people see them, with remarks on instants and on the schedule."""

from datetime import UTC, datetime

import pytest

from common.domain.notes import CODES, Note
from common.domain.triggers import Trigger, parse, preview
from tests.domain.support import NOW, at, cron

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("expr", "after", "local", "english", "chinese"),
    [
        (
            "30 2 * * *", "2026-03-28T12:00Z", "2026-03-29T03:00:00+02:00",
            "29 Mar: 02:30 does not exist → runs at 03:00", "3 月 29 日：02:30 不存在 → 改在 03:00 运行",
        ),
        (
            "30 2 * * *", "2026-10-24T12:00Z", "2026-10-25T02:30:00+02:00",
            "25 Oct: 02:30 occurs twice → runs once, at the first", "10 月 25 日：02:30 出现两次 → 只在第一次运行",
        ),
        (
            "*/30 * * * *", "2026-10-25T00:30Z", "2026-10-25T02:00:00+01:00",
            "25 Oct: 02:00 occurs twice → this is the second", "10 月 25 日：02:00 出现两次 → 这是第二次",
        ),
        (
            "*/15 2 * * *", "2026-03-28T12:00Z", "2026-03-30T02:00:00+02:00",
            "29 Mar: 02:00 does not exist → no run for it", "3 月 29 日：02:00 不存在 → 不运行",
        ),
    ],
)  # fmt: skip
def test_it_explains_what_the_clock_does(expr: str, after: str, local: str, english: str, chinese: str) -> None:
    first = preview(cron(expr, BERLIN), after=at(after), count=1).next[0]
    assert first.local.isoformat() == local
    assert first.utc == first.local.astimezone(UTC)
    assert first.note is not None
    assert first.note.text("en") == english
    assert first.note.text("zh") == chinese


def test_it_names_the_day_when_a_whole_day_is_left_out() -> None:
    samoa = cron("0 9 * * *", "Pacific/Apia", now=at("2011-12-01T00:00Z"))
    second = preview(samoa, after=at("2011-12-29T12:00Z"), count=2).next[1]
    assert second.note is not None
    assert second.note.text("en") == "30 Dec: 09:00 does not exist → runs at 12-31 00:00"


def test_ordinary_fires_have_no_remark() -> None:
    shown = preview(cron("30 2 * * *", "Asia/Shanghai"), after=NOW, count=400)
    assert not shown.warnings
    assert not any(instant.note for instant in shown.next)


@pytest.mark.parametrize(
    ("expr", "codes"),
    [
        ("0 9 * * *", []),
        ("* * * * * *", ["every_second"]),
        ("0 0 29 2 *", ["rare"]),
        ("0 0 0 1 1 * 2027-2028", ["runs_out"]),
        ("0 9 13 * 5", ["day_or"]),
        ("0 9 31 * *", ["short_months"]),
        ("0 9 31,L * *", []),
        ("*/7 * * * *", ["uneven_step"]),
        ("*/90 * * * *", ["step_too_long"]),
        ("0 */5 * * *", ["uneven_step"]),
        ("H 3 * * *", ["hashed"]),
        ("0 3 * MAR THU", []),
    ],
)
def test_it_warns(expr: str, codes: list[str]) -> None:
    shown = preview(cron(expr), after=NOW, count=5)
    assert [note.code for note in shown.warnings] == codes
    assert all(note.text("en") and note.text("zh") for note in shown.warnings)


def test_h_needs_no_warning_once_it_has_its_key() -> None:
    assert not preview(cron("H 3 * * *", hash_key="task-1"), after=NOW, count=5).warnings


def test_intervals_and_single_instants_are_shown_too() -> None:
    every = preview(parse("interval", "90s", timezone=BERLIN, now=NOW), after=NOW, count=2)
    assert [instant.local.isoformat() for instant in every.next] == [
        "2026-01-01T01:01:30+01:00",
        "2026-01-01T01:03:00+01:00",
    ]
    single = preview(parse("once", "2026-05-01 09:00", timezone=BERLIN, now=NOW), after=NOW, count=5)
    assert [instant.utc for instant in single.next] == [at("2026-05-01T07:00Z")]
    assert not single.warnings


def test_a_schedule_that_is_over_shows_nothing() -> None:
    over = Trigger("cron", "* * * * *", end_at=NOW)
    assert not preview(over, after=NOW, count=5).next


def test_every_remark_has_words_in_both_languages() -> None:
    params: dict[str, str | int] = {"month": 3, "day": 29, "wall": "02:30", "runs": "03:00", "days": 400, "count": 2}
    params |= {"why": "holiday", "why_zh": "节假日", "more": 1, "weekday": 5, "year": 2027, "clock": "09:00"}
    for code in CODES:
        for unit in ("second", "minute", "hour"):
            note = Note(code, {**params, "step": "*/7", "unit": unit})
            assert "{" not in note.text("en") + note.text("zh")
            assert note.text("en").isascii() or "→" in note.text("en")


@pytest.mark.parametrize("after", ["0001-01-01T00:00Z", "9999-12-01T00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize(("kind", "expr"), [("interval", "1d"), ("cron", "0 0 * * *"), ("once", "2026-05-01")])
def test_it_can_be_asked_about_any_instant(kind: str, expr: str, after: str) -> None:
    trigger = parse(kind, expr, timezone="America/New_York", now=NOW)
    shown = preview(trigger, after=datetime.fromisoformat(after), count=100)
    assert [instant.utc for instant in shown.next] == sorted({instant.utc for instant in shown.next})
