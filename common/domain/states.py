"""The states of an execution and of a task, and the moves between them: data, one copy.

`docs/states.md` draws the same table for people; `tests/domain/test_states.py` compares the two.
"""

from enum import StrEnum


class Status(StrEnum):
    """Where an execution stands; the values are what the database and the API show."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"
    MISSED = "missed"


# running -> queued is a retry. lost is left only by a late result that carries the current token.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.QUEUED, Status.SKIPPED, Status.CANCELLED}),
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED, Status.SKIPPED, Status.MISSED}),
    Status.RUNNING: frozenset(
        {Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.LOST, Status.QUEUED}
    ),
    Status.SUCCESS: frozenset(),
    Status.FAILED: frozenset(),
    Status.TIMED_OUT: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.LOST: frozenset({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT}),
    Status.SKIPPED: frozenset(),
    Status.MISSED: frozenset(),
}

ACTIVE: frozenset[Status] = frozenset({Status.WAITING, Status.QUEUED, Status.RUNNING})
FINAL: frozenset[Status] = frozenset(Status) - ACTIVE

# The finals after which a task shows FAILED.
UNWELL: frozenset[Status] = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST})


class TaskState(StrEnum):
    """What a task shows; derived from its executions, never stored."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    RUNNING = "RUNNING"
    PENDING = "PENDING"
    FAILED = "FAILED"


def task_state(*, enabled: bool, has_running: bool, has_queued: bool, last_final: Status | None) -> TaskState:
    """Name the state a task shows.

    `has_queued` is true when an execution is queued or waiting; `last_final` is the newest final status,
    None when the task never ran. What happens now beats what is switched off, and that beats what happened
    last: a paused task whose run is still going shows RUNNING.
    """
    if has_running:
        return TaskState.RUNNING
    if has_queued:
        return TaskState.PENDING
    if not enabled:
        return TaskState.PAUSED
    if last_final in UNWELL:
        return TaskState.FAILED
    return TaskState.ACTIVE
