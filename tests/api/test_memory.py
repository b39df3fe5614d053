"""What is dear is worked out seldom, what is cheap is always fresh."""

import asyncio

import pytest

from common.services import memory
from common.services.memory import Memory


async def test_a_value_is_made_once_while_it_is_young_and_together_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now, made = 0.0, 0
    monkeypatch.setattr("time.monotonic", lambda: now)

    async def make() -> int:
        nonlocal made, now
        made += 1
        now += 0.5
        return made

    kept = Memory()
    assert await asyncio.gather(*(kept.of("dear", None, make) for _ in range(5))) == [1] * 5
    kept.written()
    now += 29.0
    assert await kept.of("dear", None, make) == 1, "half a second's work is kept for half a minute"
    now += 2.0
    assert await kept.of("dear", None, make) == 2
    assert await kept.of("fixed", 5.0, make) == 3
    now += 5.1
    assert await kept.of("fixed", 5.0, make) == 4


async def test_who_has_written_sees_it_and_nothing_is_not_remembered() -> None:
    values: list[object] = [1, 2, None, 3]

    async def make() -> object:
        return values.pop(0)

    kept = Memory()
    assert await kept.of("cheap", 60.0, make) == 1
    assert await kept.of("cheap", 60.0, make) == 1
    kept.written()
    assert await kept.of("cheap", 60.0, make) == 2
    assert await kept.of("none", 60.0, make) is None
    assert await kept.of("none", 60.0, make) == 3


def test_it_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MOST", 3)
    kept = Memory()
    for number in range(5):
        kept.keep(number, number, seconds=60.0)
    assert [kept.get(number) for number in range(5)] == [None, None, 2, 3, 4]
