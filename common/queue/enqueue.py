"""New executions: rows whose `(task_id, fire_key)` says what they are, so that a repeat changes nothing."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from common.db.bulk import insert_ignore
from common.db.models import Execution, table_of
from common.db.session import WriteSession
from common.domain.states import Status

E = table_of(Execution)
#: Rows a statement: the drivers of PostgreSQL and MySQL put them all into one message.
_CHUNK = 500


class Queueable(Protocol):
    """What a row needs of its task: a `Task`, or a row of its table."""

    @property
    def id(self) -> int | None: ...
    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...


def fire_key(instant: datetime) -> str:
    """The identity of a scheduled firing: one instant fires a task at most once, whatever schedule named it."""
    return f"c:{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def manual_key(request_id: str | None = None) -> str:
    """The identity of a manual firing; the same `request_id` is the same firing."""
    return f"m:{request_id or uuid4().hex}"


def row(
    task: Queueable, *, key: str, trigger: str, scheduled_for: datetime, now: datetime, **values: Any
) -> dict[str, Any]:
    """A row for `enqueue`: queued, and available at once unless `values` say otherwise."""
    return {
        "task_id": task.id,
        "schedule_id": None,
        "fire_key": key,
        "run_id": secrets.token_hex(16),
        "trigger": trigger,
        "triggered_by": "",
        "scheduled_for": scheduled_for,
        "status": Status.QUEUED,
        "reason": "",
        "instants": 1,
        "scheduled_until": None,
        "queue": task.queue,
        "priority": task.priority,
        "available_at": now,
        "created_at": now,
        "finished_at": None,
        "token": 0,
        "failures": 0,
        "spawned": False,
        "cancelled_by": "",
        "stdout_bytes": 0,
        "stderr_bytes": 0,
        **values,
    }


async def enqueue(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`; those whose key exists already are passed over. Sorted, so that two inserters cannot deadlock."""
    ordered = sorted(rows, key=lambda values: (values["task_id"], values["fire_key"]))
    for start in range(0, len(ordered), _CHUNK):
        await insert_ignore(session, E, ordered[start : start + _CHUNK])
