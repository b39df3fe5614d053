"""The table of moves, the diagram's page, and what a task shows."""

import re
from pathlib import Path

import pytest

from common.domain.states import ACTIVE, FINAL, TRANSITIONS, Status, TaskState, task_state

DOC = Path(__file__).parents[2] / "docs" / "states.md"


def documented() -> dict[Status, frozenset[Status]]:
    """Read the table "| from | to |" of docs/states.md."""
    table: dict[Status, frozenset[Status]] = {}
    for line in DOC.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| ([a-z_]+) \|([a-z_, ]*)\|", line)
        if row and row[1] in set(Status):
            table[Status(row[1])] = frozenset(Status(word.strip()) for word in row[2].split(",") if word.strip())
    return table


def test_it_documents_the_table_it_enforces() -> None:
    assert documented() == TRANSITIONS


def test_it_draws_every_state() -> None:
    diagram = DOC.read_text(encoding="utf-8").split("```")[1]
    assert {status.value for status in Status} <= set(re.findall(r"[a-z_]+", diagram))


def test_it_explains_every_task_state() -> None:
    explained = re.findall(r"^\| ([A-Z]+) \|", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(TaskState)


def test_it_has_a_row_for_every_status_and_moves_only_to_known_ones() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert set(Status) >= frozenset[Status]().union(*TRANSITIONS.values())


def test_every_status_is_either_active_or_final() -> None:
    assert set(Status) == ACTIVE | FINAL
    assert not ACTIVE & FINAL


def test_final_states_are_final_but_for_a_late_result() -> None:
    moving = {status for status in FINAL if TRANSITIONS[status]}
    assert moving == {Status.LOST}
    assert TRANSITIONS[Status.LOST] == {Status.SUCCESS, Status.FAILED, Status.TIMED_OUT}


@pytest.mark.parametrize(
    ("enabled", "running", "queued", "last", "shown"),
    [
        (True, True, True, Status.FAILED, TaskState.RUNNING),
        (False, True, False, None, TaskState.RUNNING),
        (True, False, True, Status.FAILED, TaskState.PENDING),
        (False, False, True, Status.FAILED, TaskState.PENDING),
        (False, False, False, Status.FAILED, TaskState.PAUSED),
        (True, False, False, Status.FAILED, TaskState.FAILED),
        (True, False, False, Status.TIMED_OUT, TaskState.FAILED),
        (True, False, False, Status.LOST, TaskState.FAILED),
        (True, False, False, Status.CANCELLED, TaskState.ACTIVE),
        (True, False, False, Status.SKIPPED, TaskState.ACTIVE),
        (True, False, False, Status.SUCCESS, TaskState.ACTIVE),
        (True, False, False, None, TaskState.ACTIVE),
    ],
)
def test_it_derives_what_a_task_shows(
    enabled: bool, running: bool, queued: bool, last: Status | None, shown: TaskState
) -> None:
    assert task_state(enabled=enabled, has_running=running, has_queued=queued, last_final=last) is shown
