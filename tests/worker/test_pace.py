"""How far ahead a worker claims: only where tasks are quick, and not for long where that was a mistake."""

from tests.worker.test_book import ONE, TWO, book, result
from worker.pace import Pace


def test_nothing_is_known_and_nothing_kept_in_stock() -> None:
    assert Pace(4).ahead(0.0) == 0


def test_quick_tasks_are_claimed_ahead_and_slow_ones_are_not() -> None:
    pace = Pace(4)
    pace.ended([0.003, None, 0.004])
    assert pace.ahead(1.0) == 16
    pace.ended([5.0] * 3)
    assert pace.ahead(1.0) == 0


def test_a_stock_that_had_to_wait_is_a_lesson_for_a_minute() -> None:
    pace = Pace(4)
    pace.ended([0.003])
    pace.misjudged(10.0)
    assert (pace.ahead(69.0), pace.ahead(71.0)) == (0, 16)


def test_the_stock_counts_as_taken_and_only_slots_are_started() -> None:
    mind = book(1)
    mind.ended([result((9, 1)) | {"duration": 0.001}])
    assert mind.room(1.0) == 5
    mind.take([ONE, TWO], 1.0)
    assert (mind.startable, mind.room(1.0)) == (1, 3)
    mind.unsent.pop(ONE.key)
    assert mind.startable == 0
    mind.ended([result(ONE.key)])
    assert mind.startable == 1


def test_a_worker_that_is_held_back_or_drains_takes_nothing_ahead() -> None:
    mind = book(1)
    mind.ended([result((9, 1)) | {"duration": 0.001}])
    mind.hold_back(True)
    assert mind.room(1.0) <= 0
    mind.hold_back(False)
    mind.draining = True
    assert mind.room(1.0) <= 0
