"""How far ahead a worker claims: only where tasks are quick, and not for long where that was a mistake."""

from dataclasses import replace

from tests.worker.test_book import ONE, TWO, book, result
from worker.pace import Pace


def test_nothing_is_known_and_nothing_kept_in_stock() -> None:
    assert Pace(4).ahead(0.0) == 0


def test_quick_tasks_are_claimed_ahead_and_slow_ones_are_not() -> None:
    pace = Pace(4)
    pace.ended([0.003, None, 0.004])
    assert pace.ahead(1.0) == 20
    pace.ended([5.0] * 3)
    assert pace.ahead(1.0) == 0


def test_a_stock_that_had_to_wait_is_a_lesson_for_a_minute() -> None:
    pace = Pace(4)
    pace.ended([0.003])
    pace.misjudged(10.0)
    assert (pace.ahead(69.0), pace.ahead(71.0)) == (0, 20)


def test_more_is_claimed_when_half_of_it_is_gone() -> None:
    mind = book(2)
    mind.ended([result((9, 1)) | {"duration": 0.001}])
    assert mind.room(1.0) == 12
    claims = [replace(ONE, id=number) for number in range(1, 13)]
    mind.take(claims, 1.0)
    mind.sent(claims)
    assert mind.queued
    room = []
    for claim in claims[:7]:
        room.append(mind.room(1.0))
        mind.ended([result(claim.key) | {"duration": 0.001}])
    assert room == [0, 0, 0, 0, 0, 0, 6], "few at a time are not worth a transaction"


def test_slow_tasks_wait_in_the_database() -> None:
    mind = book(1)
    mind.ended([result((9, 1)) | {"duration": 5.0}])
    mind.take([ONE], 1.0)
    assert (mind.room(1.0), mind.queued) == (0, False)


def test_what_the_runner_gives_back_is_not_running_and_still_ours() -> None:
    mind = book(1)
    mind.take([ONE, TWO], 1.0)
    mind.unsent.clear()
    mind.came_back([TWO.key, (99, 1)])
    assert (mind.running(), mind.returned, set(mind.active)) == ({ONE.key}, {TWO.key}, {ONE.key, TWO.key})
    mind.hello([ONE.key], [], 2.0)
    assert set(mind.active) == {ONE.key, TWO.key}
    mind.drop([TWO.key])
    assert (mind.returned, set(mind.active)) == (set(), {ONE.key})


def test_a_worker_that_is_held_back_or_drains_takes_nothing_ahead() -> None:
    mind = book(1)
    mind.ended([result((9, 1)) | {"duration": 0.001}])
    mind.hold_back(True)
    assert mind.room(1.0) <= 0
    mind.hold_back(False)
    mind.draining = True
    assert mind.room(1.0) <= 0
