"""How far ahead a worker claims: only where tasks are quick, and not for long where that was a mistake."""

from dataclasses import replace

from tests.worker.test_book import ONE, TWO, book, result
from worker.pace import Pace


def test_nothing_is_known_and_nothing_kept_in_stock() -> None:
    assert Pace(4).ahead(0.0) == 0


def test_quick_tasks_are_claimed_ahead_and_slow_ones_are_not() -> None:
    pace = Pace(4)
    pace.ended([0.003, None, 0.004])
    assert (pace.ahead(1.0), pace.queued(1.0)) == (24, 12)
    pace.ended([5.0] * 3)
    assert (pace.ahead(1.0), pace.queued(1.0)) == (0, 0)


def test_a_stock_that_had_to_wait_is_a_lesson_for_a_minute() -> None:
    pace = Pace(4)
    pace.ended([0.003])
    pace.misjudged(10.0)
    assert (pace.ahead(69.0), pace.queued(69.0), pace.ahead(71.0)) == (0, 0, 24)


def test_the_stock_counts_as_taken_and_part_of_it_is_given_to_the_runner_many_at_a_time() -> None:
    mind = book(1)
    mind.ended([result((9, 1)) | {"duration": 0.001}])
    assert mind.room(1.0) == 7
    claims = [replace(ONE, id=number) for number in range(1, 8)]
    mind.take(claims, 1.0)
    assert (mind.startable(1.0), mind.room(1.0)) == (4, 0)
    for claim in claims[:4]:
        mind.unsent.pop(claim.key)
    assert mind.queued
    ended = []
    for claim in claims[:3]:
        ended.append(mind.startable(1.0))
        mind.ended([result(claim.key) | {"duration": 0.001}])
    assert ended == [0, 0, 2], "some are still with the runner: few at a time are not worth a statement"
    assert not mind.queued


def test_slow_tasks_wait_for_a_slot_with_the_worker() -> None:
    mind = book(1)
    mind.ended([result((9, 1)) | {"duration": 5.0}])
    mind.take([ONE, TWO], 1.0)
    assert mind.startable(1.0) == 1
    mind.unsent.pop(ONE.key)
    assert (mind.startable(1.0), mind.queued) == (0, False)


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
