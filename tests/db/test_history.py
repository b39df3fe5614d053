"""The checker is checked: a history that is right passes, and each way of being wrong is caught by its own rule."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.domain.states import Status
from tests.support.history import Row, check_history, read_log

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
OUTPUT = "行 1\n行 2\n".encode()
ENDED = f"{len(OUTPUT)} {hashlib.sha256(OUTPUT).hexdigest()}"


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


SCHEDULES = {1: [at(0), at(1), at(2)], 2: [at(0), at(60), at(120)]}
ROWS = [
    Row(1, 1, at(0), Status.SUCCESS, stdout=OUTPUT),
    Row(2, 1, at(1), Status.SKIPPED, token=0),
    Row(3, 1, at(2), Status.LOST),
    Row(4, 2, at(0), Status.MISSED, token=0, instants=2, scheduled_until=at(60)),
    Row(5, 2, at(120), Status.SUCCESS, token=3, delivery="at_least_once", stdout=OUTPUT),
    Row(6, 2, at(77), Status.CANCELLED, token=0, trigger="manual"),
]
#: Attempt 2 of execution 5 was taken away before it started; 3 and attempt 1 of 5 died with their worker.
LOG = [
    "S 1 1 10.0",
    f"E 1 1 11.0 {ENDED}",
    "S 3 1 12.0",
    "H 3 1 13.0",
    "S 5 1 20.0",
    "H 5 1 21.0",
    "S 5 3 22.0",
    "H 5 3 22.5",
    f"E 5 3 23.0 {ENDED}",
]
MOVES = [(1, "queued", "running"), (1, "running", "success"), (3, "running", "lost"), (5, "running", "queued")]


def broken(invariants: str, **changes: Any) -> str:
    """The texts of what is found, all of them under the rule that is expected."""
    given = {"rows": ROWS, "schedules": SCHEDULES, "log_lines": LOG, "transitions": MOVES} | changes
    found = check_history(**given)
    assert {violation.invariant for violation in found} == set(invariants.split())
    return "; ".join(map(str, found))


def row(id_: int, **changes: Any) -> list[Row]:
    """The rows with one of them changed."""
    return [replace(each, **changes) if each.id == id_ else each for each in ROWS]


def without(id_: int) -> list[Row]:
    return [each for each in ROWS if each.id != id_]


def test_a_history_without_fault_passes() -> None:
    assert broken("") == ""


class TestOneRowForEachInstant:
    def test_a_missing_row_is_caught(self) -> None:
        assert "task 1 has 0 rows for 2026-06-01T12:00:01" in broken("I1", rows=without(2))

    def test_a_second_row_is_caught(self) -> None:
        assert "has 2 rows" in broken("I1", rows=[*ROWS, Row(7, 1, at(1), Status.SKIPPED)])

    def test_a_row_for_an_instant_that_was_never_due_is_caught(self) -> None:
        assert "row 7" in broken("I1", rows=[*ROWS, Row(7, 1, at(9), Status.SKIPPED)])

    def test_a_row_of_a_task_without_a_schedule_is_caught(self) -> None:
        assert "row 7" in broken("I1", rows=[*ROWS, Row(7, 9, at(0), Status.SKIPPED)])

    def test_a_summary_that_counts_wrong_is_caught(self) -> None:
        assert "stands for 3 instants, 2 were due" in broken("I1", rows=row(4, instants=3))

    def test_a_summary_that_ends_too_early_is_caught(self) -> None:
        assert "12:01:00" in broken("I1", rows=row(4, scheduled_until=at(59)))

    def test_a_summary_over_an_instant_with_a_row_of_its_own_is_caught(self) -> None:
        assert "has 2 rows" in broken("I1", rows=row(4, instants=3, scheduled_until=at(120)))


class TestStarts:
    def test_a_task_that_may_run_once_and_ran_twice_is_caught(self) -> None:
        assert "at most once" in broken("I2", rows=row(5, delivery="at_most_once"))

    def test_a_double_start_of_one_attempt_is_caught(self) -> None:
        assert "started 2 times" in broken("I3", log_lines=[*LOG, "S 1 1 10.5"])

    def test_a_sign_of_life_of_what_never_started_is_caught(self) -> None:
        assert "never started" in broken("I3", log_lines=[*LOG, "H 5 2 21.5"])

    def test_a_run_without_a_row_is_caught(self) -> None:
        assert "99 ran and has no row" in broken("I2", log_lines=[*LOG, "S 99 1 1.0"])

    def test_an_attempt_the_row_does_not_know_is_caught(self) -> None:
        assert "attempt 4" in broken("I2", log_lines=[*LOG, "S 5 4 30.0"])

    @pytest.mark.parametrize("line", ["S 5 3 20.9", "H 5 1 22.1", "E 5 1 22.1"])
    def test_attempts_that_overlap_are_caught(self, line: str) -> None:
        lines = [line if line[:5] == each[:5] else each for each in LOG]
        assert "was alive when 3 started" in broken("I4", log_lines=lines if line in lines else [*LOG, line])


class TestOutput:
    def test_a_success_that_never_ended_is_caught(self) -> None:
        assert "never ended" in broken("I5", log_lines=[line for line in LOG if not line.startswith("E 1")])

    def test_a_success_of_another_attempt_is_caught(self) -> None:
        assert "attempt 4 never ended" in broken("I5", rows=row(5, token=4))

    def test_a_cut_output_is_caught(self) -> None:
        assert "bytes" in broken("I5", rows=row(1, stdout=OUTPUT[:-1]))

    def test_a_changed_output_is_caught(self) -> None:
        assert "not what it wrote" in broken("I5", rows=row(1, stdout=OUTPUT.replace(b"1", b"7")))

    def test_an_output_written_twice_is_caught(self) -> None:
        assert "bytes" in broken("I5", rows=row(1, stdout=OUTPUT * 2))


class TestTheEnd:
    @pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.WAITING])
    def test_what_is_left_undone_is_caught(self, status: Status) -> None:
        assert f"3 is still {status}" in broken("I6", rows=row(3, status=status))

    @pytest.mark.parametrize("move", [(1, "success", "running"), (1, "queued", "success"), (1, "lost", "queued")])
    def test_a_move_that_is_not_in_the_table_is_caught(self, move: tuple[int, str, str]) -> None:
        assert "went from" in broken("I7", transitions=[*MOVES, move])

    def test_a_process_that_is_left_over_is_caught(self) -> None:
        assert "sleep 1000" in broken("I8", processes=["4711 sleep 1000"])


def test_a_line_that_is_none_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="not a line"):
        read_log(["S 1 1"])
