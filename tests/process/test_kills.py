"""kill -9 of each process during a run of 200 tasks: every instant has one row, nothing runs twice or for ever.

On the database that `rota up` brings; on each of the others tests/chaos kills more, and more often.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually_sync
from tests.support.interleave import one_engine
from tests.support.rota_process import Rota, running

pytestmark = [pytest.mark.process, pytest.mark.timeout(300), one_engine]

TASKS = 200
EVERY = 4
VICTIMS = ("scheduler", "worker", "api")


def _create(client: httpx.Client, side: Path) -> dict[int, datetime]:
    """200 tasks that run every four seconds; returns each one's first instant."""
    first = {}
    for number in range(TASKS):
        task = client.post(
            "/tasks",
            json={
                "name": f"task {number}",
                "command": f'echo "$ROTA_EXECUTION_ID" >> {side}; echo hello',
                "schedules": [{"kind": "interval", "expr": f"{EVERY}s"}],
            },
        )
        first[task.raise_for_status().json()["id"]] = _instant(task.json()["next_run_at"])
    return first


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _kill_in_turn(rota: Rota) -> None:
    for name in VICTIMS:
        before = rota.child(name)
        before.kill()

        def restarted(name: str = name, pid: int = before.pid) -> None:
            assert rota.child(name).pid != pid

        eventually_sync(restarted)
        rota.wait_until_well()


def _executions(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = client.get("/executions", params={"page": page, "page_size": 500}).raise_for_status().json()
        found += answer["items"]
        if page >= answer["pages"]:
            return found
        page += 1


def _quiet(client: httpx.Client) -> None:
    status = client.get("/status").raise_for_status().json()
    assert (status["running"], status["queued"], status["waiting"]) == (0, 0, 0), status


def _all_ran(client: httpx.Client, tasks: Iterable[int]) -> None:
    """The processes may all have died and come back within less than the four seconds."""
    ran = {row["task_id"] for row in _executions(client) if row["status"] == "success"}
    assert ran == set(tasks), "a task never ran"


def test_every_instant_has_one_row_whoever_is_killed(database_url: str, tmp_path: Path) -> None:
    side = tmp_path / "starts"
    with running(tmp_path, database_url=database_url) as rota, rota.client() as client:
        first = _create(client, side)
        _kill_in_turn(rota)
        eventually_sync(lambda: _all_ran(client, first))
        paused = client.post("/tasks/bulk/pause", json={"ids": list(first)}).raise_for_status().json()
        assert paused["failed"] == 0
        eventually_sync(lambda: _quiet(client))
        rows = _executions(client)
    by_task: dict[int, list[dict[str, Any]]] = {task_id: [] for task_id in first}
    for row in rows:
        by_task[row["task_id"]].append(row)
    for task_id, mine in by_task.items():
        _exactly_one_row_an_instant(first[task_id], mine)
    # A worker killed between its mark in the database and its word to the runner leaves one that is lost, not started.
    assert Counter(row["status"] for row in rows).keys() <= {"success", "skipped", "missed", "lost"}
    started = Counter(side.read_text().split())
    assert set(started.values()) == {1}, "an execution was started twice"
    assert started.keys() == {str(row["id"]) for row in rows if row["status"] == "success"}


def _exactly_one_row_an_instant(first: datetime, rows: list[dict[str, Any]]) -> None:
    """The instants are known without Rota: a grid of four seconds from the first one on."""
    assert rows, "a task never fired"
    instants = sorted(_instant(row["scheduled_for"]) for row in rows)
    assert all(row["instants"] == 1 for row in rows)
    assert instants == [first + timedelta(seconds=EVERY * number) for number in range(len(instants))]
