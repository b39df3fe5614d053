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


async def test_nobody_waits_for_what_is_made_anew_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    values: list[int | Exception] = [1, 2, RuntimeError(), 3, 4]
    ready = asyncio.Event()
    ready.set()

    async def make() -> int:
        await ready.wait()
        value = values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    kept = Memory()

    async def settled() -> None:
        await asyncio.gather(*kept._renewing.values())

    assert await kept.of("key", 10.0, make, behind=True) == 1
    now = 11.0
    ready.clear()
    assert [await kept.of("key", 10.0, make, behind=True) for _ in range(3)] == [1, 1, 1]
    ready.set()
    await settled()
    assert await kept.of("key", 10.0, make, behind=True) == 2, "made once for all who asked meanwhile"
    now = 25.0
    assert await kept.of("key", 10.0, make, behind=True) == 2
    await settled()
    assert await kept.of("key", 10.0, make, behind=True) == 2, "it could not be made; the next one tries again"
    await settled()
    assert await kept.of("key", 10.0, make, behind=True) == 3
    now = 46.0
    assert await kept.of("key", 10.0, make, behind=True) == 4, "too old for that"


async def test_what_was_read_before_somebody_wrote_is_not_kept() -> None:
    kept = Memory()
    values = [1, 2]

    async def make() -> int:
        value = values.pop(0)
        if value == 1:
            kept.written()
        return value

    assert await kept.of("key", 60.0, make) == 1
    assert await kept.of("key", 60.0, make) == 2


def test_it_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MOST", 3)
    kept = Memory()
    for number in range(5):
        kept.keep(number, number, seconds=60.0)
    assert [kept.get(number) for number in range(5)] == [None, None, 2, 3, 4]
