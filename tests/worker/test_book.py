"""What the worker keeps in mind, step by step: no database, no runner."""

from base64 import b64encode
from typing import Any

from tests.worker.test_outcome import claim
from worker.book import Book, Wakes

ONE, TWO = claim(id=1), claim(id=2)


def book(slots: int = 4) -> Book:
    return Book(slots, Wakes())


def result(key: tuple[int, int], stdout: bytes = b"") -> dict[str, Any]:
    return {"id": key[0], "token": key[1], "stdout": b64encode(stdout).decode(), "stderr": ""}


def test_what_is_taken_or_runs_takes_a_slot_and_what_ended_does_not() -> None:
    mind = book()
    mind.take([ONE, TWO], 1.0)
    assert mind.free == 2
    mind.hello([TWO.key], [], 2.0)
    assert mind.running() == set()
    assert mind.free == 2
    mind.unsent.clear()
    mind.ended([result(ONE.key)])
    assert mind.free == 3
    assert not mind.idle


def test_a_draining_worker_has_no_slot_to_give() -> None:
    mind = book()
    mind.draining = True
    assert mind.free == 0


def test_the_runner_knows_better_but_not_what_it_has_not_been_told() -> None:
    mind = book()
    mind.take([ONE, TWO], 1.0)
    mind.unsent.pop(TWO.key)
    mind.hello([(9, 1)], [(8, 1)], 2.0)
    assert mind.active == {ONE.key: 1.0, (9, 1): 2.0}
    assert mind.all() == {ONE.key, (9, 1), (8, 1)}
    mind.ended([result((8, 1))])
    assert mind.expected == set()


def test_a_result_is_kept_until_it_is_put_away_and_counted_once() -> None:
    mind = book()
    mind.ended([result(ONE.key, b"x" * 300)])
    size = mind.results_size
    mind.ended([result(ONE.key, b"x" * 300), result(TWO.key)])
    assert mind.results_size > size
    assert [item["id"] for item in mind.oldest(10, 10_000)] == [1, 2]
    assert [item["id"] for item in mind.oldest(10, 100)] == [1]
    assert [item["id"] for item in mind.oldest(1, 10_000)] == [1]
    mind.put_away([ONE.key, TWO.key])
    assert (mind.idle, mind.results_size) == (True, 0)


def test_live_output_of_what_has_ended_is_forgotten() -> None:
    mind = book()
    mind.hello([ONE.key], [], 0.0)
    mind.begun([[1, 1, 77, 0]], 5.0)
    mind.shown(ONE.key, [[1, "o", 0, 0.1, "aGk="]])
    mind.shown(TWO.key, [[1, "o", 0, 0.1, "aGk="]])
    assert mind.started == {ONE.key: (77, 5.0)}
    assert list(mind.pieces) == [ONE.key]
    mind.ended([result(ONE.key)])
    assert (mind.started, mind.pieces) == ({}, {})


def test_only_leases_of_what_is_in_hand_are_told_to_the_runner() -> None:
    mind = book()
    mind.take([ONE], 1.0)
    assert mind.renewed([ONE.key, TWO.key], 9.0) == [ONE.key]
    assert mind.active == {ONE.key: 9.0}


def test_what_others_took_meanwhile_is_dropped() -> None:
    mind = book()
    mind.take([ONE, TWO], 1.0)
    mind.drop([ONE.key])
    assert list(mind.unsent) == list(mind.claims) == list(mind.active) == [TWO.key]
