"""Waiting times between attempts."""

import math

import pytest

from common.domain.retry import MAX_DELAY, Backoff, delay


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (1, [10, 10, 10, 10]),
        (2, [10, 20, 40, 80]),
        (1.5, [10, 15, 22.5, 33.75]),
        ("none", [10, 10, 10, 10]),
        ("linear", [10, 20, 30, 40]),
        ("exponential", [10, 20, 40, 80]),
    ],
)
def test_it_grows_as_asked(backoff: Backoff, expected: list[float]) -> None:
    assert [delay(attempt=attempt, base=10, backoff=backoff) for attempt in (1, 2, 3, 4)] == expected


def test_it_never_exceeds_the_cap_however_many_attempts() -> None:
    assert delay(attempt=10_000, base=1, backoff=10) == MAX_DELAY
    assert delay(attempt=10**9, base=1, backoff="linear", cap=60) == 60
    assert delay(attempt=5, base=100, backoff=2, cap=120, jitter_key="task-1") == 120


def test_it_waits_nothing_when_the_base_is_nothing() -> None:
    assert delay(attempt=10_000, base=0, backoff=10) == 0


def test_jitter_is_stable_adds_at_most_a_tenth_and_differs_between_tasks() -> None:
    waits = [delay(attempt=1, base=100, backoff=1, jitter_key=f"task-{n}") for n in range(50)]
    assert waits == [delay(attempt=1, base=100, backoff=1, jitter_key=f"task-{n}") for n in range(50)]
    assert all(100 <= wait < 110 for wait in waits)
    assert len(set(waits)) == 50


@pytest.mark.parametrize(
    ("attempt", "base", "backoff"),
    [(0, 1, 1), (1, -1, 1), (1, math.inf, 1), (1, math.nan, 1), (1, 1, 0.5), (1, 1, math.nan), (1, 1, math.inf)],
)
def test_it_refuses_nonsense(attempt: int, base: float, backoff: float) -> None:
    with pytest.raises(ValueError, match=r"attempt|seconds|multiplier"):
        delay(attempt=attempt, base=base, backoff=backoff)
