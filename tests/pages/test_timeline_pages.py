"""The timeline page: windows that a URL names, bars that say what they are."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.formats import Locale
from api.pages.timeline_views import window_of
from tests.pages.conftest import NOW, Person

BERLIN = Locale("en", datetime(2026, 10, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))


async def test_it_shows_runs_and_what_is_to_come(alice: Person) -> None:
    task = await alice.task(name="Nightly export", cron="* * * * *", tags=["finance"])
    begun = NOW - timedelta(minutes=9)
    failed = await alice.execution(
        task, "failed", started_at=begun, scheduled_for=begun, finished_at=begun + timedelta(seconds=70)
    )
    page = await alice.get("/ui/timeline?zoom=1h")
    assert f'href="/ui/executions/{failed}" tabindex="-1"><title>Failed, 1 min 10 s, ' in page
    assert 'class="b next"' in page
    assert 'class="now"' in page
    assert "finance" in page
    assert "Nightly export" in await alice.get("/ui/timeline?zoom=7d&group=worker", lang="zh-CN")
    assert "No task matches" in await alice.get("/ui/timeline?q=nothing")


async def test_an_empty_window_says_so(alice: Person) -> None:
    assert "Nothing ran, nothing is to come" in await alice.get("/ui/timeline")
    assert "Show today" in await alice.get("/ui/timeline?at=2020-01-01T00:00Z")


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01T00:00Z", "9999-12-31T23:59Z", "2026-01-01T00:00", "-1"])
async def test_a_window_that_makes_no_sense_is_today(alice: Person, at: str) -> None:
    await alice.get("/ui/timeline", 200)
    await alice.get(f"/ui/timeline?zoom=5y&group=x&at={at}", 200)


def test_a_day_is_as_long_as_it_is() -> None:
    day = window_of("", "", "", "", BERLIN)
    assert day.end - day.begin == timedelta(hours=25), "clocks went back"
    assert window_of("7d", "", "", "", BERLIN).begin == datetime(2026, 10, 20, 22, tzinfo=UTC)
    hour = window_of("1h", "", "queue", "x", BERLIN)
    assert hour.begin < BERLIN.now < hour.end
    assert hour.address.url(at="") == "/ui/timeline?zoom=1h&group=queue&q=x"
