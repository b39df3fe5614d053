"""A stock of tries that fills up again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.domain.allowance import Allowance

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_stock_is_used_up_and_fills_again() -> None:
    allowance = Allowance(3, 60)
    used: datetime | None = None
    for _ in range(3):
        assert allowance.wait(used, NOW) == 0
        used = allowance.taken(used, NOW)
    assert allowance.wait(used, NOW) == 60
    assert allowance.wait(used, NOW + timedelta(seconds=59.5)) == 1
    assert allowance.wait(used, NOW + timedelta(seconds=60)) == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    allowance = Allowance(1, 60)
    used = allowance.given_back(allowance.taken(None, NOW))
    assert allowance.wait(used, NOW) == 0


@given(st.integers(1, 20), st.integers(1, 600), st.lists(st.floats(0, 300), max_size=80))
def test_never_more_than_the_stock_and_what_came_meanwhile(stock: int, every: int, gaps: list[float]) -> None:
    allowance = Allowance(stock, every)
    now, used, taken = NOW, None, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        if allowance.wait(used, now) == 0:
            used = allowance.taken(used, now)
            taken += 1
    assert taken <= stock + (now - NOW).total_seconds() / every + 1e-3


@given(st.integers(1, 20), st.integers(1, 600))
def test_whoever_waits_as_told_gets_through(stock: int, every: int) -> None:
    allowance = Allowance(stock, every)
    used: datetime | None = None
    while not (wait := allowance.wait(used, NOW)):
        used = allowance.taken(used, NOW)
    assert allowance.wait(used, NOW + timedelta(seconds=wait)) == 0
