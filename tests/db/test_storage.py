"""What is kept and what goes is summed up on every engine, and shows nobody more than is theirs."""

from datetime import timedelta
from pathlib import Path

from common.config import Settings
from common.db.session import Database
from common.domain.permissions import VIEWER, Actor
from common.services import storage
from common.services.memory import Memory
from tests.support.world import NOW, add_executions, add_task


async def test_rows_and_bytes_by_task_and_what_goes_within_a_day(database: Database, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, retention_days=30, max_history=1000, output_limit=10_000)
    big = await add_task(database, name="big", max_history=3)
    small = await add_task(database, name="small")
    ended = {"status": "success", "finished_at": NOW - timedelta(hours=2)}
    await add_executions(database, big, 4, stdout_bytes=4000, stderr_bytes=1_000_000, **ended)
    await add_executions(database, big, status="running", started_at=NOW, token=1)
    old = {"status": "failed", "finished_at": NOW - timedelta(days=29, hours=12)}
    await add_executions(database, small, 2, stdout_bytes=5, **old)
    async with database.read() as session:
        found = await storage.storage(session, Memory(), settings, now=NOW)
    assert [(each.name, each.executions, each.output, each.limit) for each in found.tasks] == [
        ("big", 5, 4 * 14_000, 3),
        ("small", 2, 10, 1000),
    ]
    # Four are there, four more are expected, three are kept: all that are there go.
    assert [each.going for each in found.tasks] == [4, 0]
    assert (found.every, found.executions, found.too_old, found.too_many, found.files_going) == (2, 7, 2, 4, 0)
    async with database.on_behalf_of(Actor(4711, "victor", VIEWER)).read() as session:
        hidden = await storage.storage(session, Memory(), settings, now=NOW)
    assert (hidden.tasks, hidden.executions, hidden.too_old, hidden.file_bytes) == ([], 0, 0, 0)
