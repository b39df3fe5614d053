"""From the runner's result to what is recorded: no database, no process."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.domain.states import Status
from common.queue.claims import Claim
from worker.outcome import Ending, ending

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
STARTED = NOW.timestamp() - 10


def claim(**values: Any) -> Claim:
    given: dict[str, Any] = {
        "id": 7,
        "token": 1,
        "task_id": 3,
        "task_name": "backup",
        "kind": "shell",
        "command": "true",
        "spec": {},
        "trigger": "schedule",
        "scheduled_for": NOW,
        "run_id": "r",
        "timeout": 5.0,
        "retries": 0,
        "retry_delay": 60.0,
        "retry_backoff": 1.0,
        "failures": 0,
        "delivery": "at_most_once",
    }
    return Claim(**given | values)


def decide(
    outcome: str = "exited", *, of: Claim | None = None, stdout: bytes = b"", shift: float = 0, **values: Any
) -> Ending:
    message = {
        "id": 7,
        "token": 1,
        "outcome": outcome,
        "exit_code": 0 if outcome == "exited" else None,
        "signal": None,
        "error": None,
        "pid": 99,
        "started_at": STARTED,
        "finished_at": STARTED + 2,
        "cpu_seconds": 0.1,
        "peak_memory": 1024,
        "proof": None,
        "stdout": b64encode(stdout).decode(),
        "stdout_bytes": len(stdout),
        "stdout_cut": None,
        "stderr": "",
        "stderr_bytes": 0,
        "stderr_cut": None,
    } | values
    return ending(message, of or claim(), worker_id="w", now=NOW, shift=timedelta(seconds=shift))


@pytest.mark.parametrize(
    ("outcome", "values", "status", "error"),
    [
        ("exited", {}, Status.SUCCESS, None),
        ("exited", {"exit_code": 2}, Status.FAILED, "exit code 2"),
        ("exited", {"exit_code": None, "signal": 9}, Status.FAILED, "ended by SIGKILL"),
        ("exited", {"exit_code": None, "signal": 60}, Status.FAILED, "ended by signal 60"),
        ("timed_out", {}, Status.TIMED_OUT, "timed out after 5 s"),
        ("cancelled", {}, Status.CANCELLED, None),
        ("interrupted", {}, Status.CANCELLED, "interrupted: the worker was stopped"),
        ("spawn_error", {"error": "program /x does not exist"}, Status.FAILED, "program /x does not exist"),
        ("lost", {"error": "the runner was killed"}, Status.LOST, "the runner was killed"),
    ],
)
def test_every_outcome_has_a_status_and_plain_words(
    outcome: str, values: dict[str, Any], status: Status, error: str | None
) -> None:
    result = decide(outcome, **values).result
    assert (result.status, result.error, result.retry_at) == (status, error, None)


@pytest.mark.parametrize("outcome", ["deadline", "lost"])
def test_the_end_of_a_lease_makes_it_lost(outcome: str) -> None:
    result = decide(outcome).result
    assert result.status == Status.LOST
    assert result.error


def test_a_failure_is_tried_again_with_a_growing_delay() -> None:
    patient = claim(retries=3, failures=1, retry_delay=10.0, retry_backoff=2.0, token=2)
    result = decide(exit_code=1, of=patient).result
    assert result.retry_at is not None
    assert result.counts
    assert timedelta(seconds=20) <= result.retry_at - result.finished_at <= timedelta(seconds=22)


@pytest.mark.parametrize("outcome", ["exited", "cancelled", "interrupted", "lost"])
def test_what_did_not_fail_is_not_tried_again(outcome: str) -> None:
    assert decide(outcome, of=claim(retries=3)).result.retry_at is None


def test_the_last_retry_is_the_last() -> None:
    assert decide("timed_out", of=claim(retries=2, failures=2)).result.retry_at is None


@pytest.mark.parametrize("outcome", ["interrupted", "lost", "deadline"])
def test_what_may_run_twice_is_given_back_and_uses_up_no_retry(outcome: str) -> None:
    result = decide(outcome, of=claim(delivery="at_least_once")).result
    assert (result.retry_at, result.counts) == (NOW, False)


def test_what_was_given_back_too_often_is_not_given_back_again() -> None:
    assert decide("lost", of=claim(delivery="at_least_once", token=6)).result.retry_at is None


def test_times_are_those_of_the_database_whatever_this_machine_thinks() -> None:
    result = decide(shift=-3600).result
    assert result.started_at == NOW - timedelta(seconds=3610)
    assert result.finished_at - result.started_at == timedelta(seconds=2)


def test_an_attempt_that_never_started_has_times_all_the_same() -> None:
    result = decide("spawn_error", started_at=None, finished_at=None).result
    assert (result.started_at, result.finished_at) == (NOW, NOW)


def test_text_that_says_it_all_is_kept_alone() -> None:
    found = decide(stdout="grüße 你好\n\x1b[1mbold\x1b[0m".encode())
    assert found.result.stdout == "grüße 你好\n\x1b[1mbold\x1b[0m"
    assert (found.raw, found.result.keep_pieces) == ((), False)


def test_what_no_text_can_hold_is_cleaned_for_the_eye_and_kept_as_bytes() -> None:
    data = b"a\x00b\xffc"
    found = decide(stdout=data)
    assert found.result.stdout == "a\u2400b\ufffdc"
    assert found.result.keep_pieces
    assert found.raw == (("o", data), ("e", b""))


def test_a_cut_says_how_much_is_missing_and_where() -> None:
    found = decide(stdout=b"beginend", stdout_bytes=12_353, stdout_cut=[5, 12_345])
    assert found.result.stdout == "begin\n… 12,345 bytes left out …\nend"
    assert found.result.stdout_bytes == 12_353
    assert found.raw == ()


def test_a_cut_through_a_character_leaves_out_its_halves() -> None:
    left, right = "ä".encode()
    found = decide(stdout=b"x" + bytes([left]) + bytes([right]) + b"y", stdout_cut=[2, 100])
    assert found.result.stdout == "x\n… 102 bytes left out …\ny"
    assert found.raw == ()


def test_a_message_of_the_system_with_odd_characters_can_be_stored() -> None:
    result = decide("spawn_error", error="directory /\udcff\x00 does not exist").result
    assert result.error == "directory /?\u2400 does not exist"
