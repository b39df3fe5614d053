"""Any text at all becomes a trigger or a refusal, never another error."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain.apscheduler import translate
from common.domain.describe import describe
from common.domain.triggers import KINDS, InvalidSchedule, Trigger, parse, preview
from tests.domain.support import NOW

CRONISH = st.lists(
    st.text(alphabet="0123456789*,-/LWHR#?()@", max_size=7) | st.sampled_from(["*", "*/5", "mon-fri", "L", "H", "1#2"]),
    min_size=4,
    max_size=8,
).map(" ".join)
TEXT = st.text(max_size=250) | st.text(alphabet="0123456789*,-/LWHR#?@ adefhjmnorstuw\t", max_size=60) | CRONISH
quick = settings(max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def read(*arguments: str, **settings: Any) -> Trigger | InvalidSchedule:
    """Return the trigger or the refusal; every other exception is the failure looked for."""
    try:
        return parse(*arguments, **settings, now=NOW)
    except InvalidSchedule as refusal:
        return refusal


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_or_refuses_any_text(kind: str) -> None:
    @quick
    @given(expr=TEXT, zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai"]), key=st.sampled_from(["", "k"]))
    def reads_or_refuses(expr: str, zone: str, key: str) -> None:
        answer = read(kind, expr, timezone=zone, hash_key=key)
        if isinstance(answer, InvalidSchedule):
            assert 10 < len(str(answer)) < 700
            return
        shown = preview(answer, after=NOW, count=3)
        assert shown.next
        assert all(note.text("en") and note.text("zh") for note in shown.warnings)
        assert describe(answer, "en")
        assert describe(answer, "zh")

    reads_or_refuses()


@quick
@given(zone=st.text(max_size=80))
def test_it_reads_or_refuses_any_zone(zone: str) -> None:
    answer = read("cron", "0 0 * * *", timezone=zone)
    assert isinstance(answer, Trigger) or answer.field == "timezone"


KEYS = st.sampled_from(
    ["year", "month", "day", "week", "day_of_week", "hour", "minute", "second", "weeks", "seconds", "run_date",
     "start_date", "timezone", "jitter", "trigger", "x"]
)  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers(-5, 70) | st.floats() | st.text(max_size=12) | st.just("2nd fri")


@quick
@given(fields=st.dictionaries(KEYS, VALUES, max_size=4))
def test_it_translates_or_refuses_any_object(fields: dict[str, object]) -> None:
    try:
        translated = translate(fields)
    except InvalidSchedule:
        return
    assert read(**translated)
