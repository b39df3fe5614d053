"""A scheduler whose machine's clock jumps an hour: the database's clock decides, so nothing is missed or repeated.

Not on SQLite: its clock is that of the process, so there a jump of the machine's clock is a jump of Rota's. One host,
one clock; what a jump does is then what a downtime does (forwards) or a wait (backwards).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from common.clock import Clock
from common.db.session import Database
from common.domain.triggers import parse
from tests.support import world
from tests.support.clocks import clock_of, offset
from tests.support.eventually import eventually

ROOT = Path(__file__).resolve().parents[2]
SECOND = timedelta(seconds=1)
pytestmark = pytest.mark.process


@pytest.fixture(params=["postgresql", "mysql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def environment(url: str, folder: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("ROTA_")}
    return mine | {"ROTA_DATABASE_URL": url, "ROTA_DATA_DIR": str(folder)}


@asynccontextmanager
async def scheduler(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A scheduler process; ended in order, which it must survive."""
    command = (sys.executable, "-m", "rota", "scheduler")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        code = await process.wait()
    assert code == 0


async def test_an_hour_forth_and_back_misses_and_repeats_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    task = await world.add_task(database, concurrency="allow", misfire_policy="all")
    async with database.read() as session:
        now = await Clock().now(session)
    first = parse("cron", "* * * * * *", now=now).next_after(now)
    assert first is not None
    await world.add_schedule(database, task, next_run_at=first)
    file = tmp_path / "offset"
    file.write_text("+0\n")
    honest = environment(database_url, tmp_path)
    wrong = honest | clock_of(file)

    async def fired(after: int) -> int:
        """Wait until there are more rows than `after`, by at least three."""

        async def more() -> int:
            count = len(await world.executions(database, task))
            assert count >= after + 3
            return count

        return await eventually(more)

    async with scheduler(wrong):
        async with scheduler(honest):
            count = await fired(0)
            for jump in (3600, -3600):
                file.write_text(f"{jump:+d}\n")
                assert abs(offset(wrong) - jump) < 60, "the clock is not off at all"
                count = await fired(count)
        # The one whose clock is wrong goes on alone.
        count = await fired(count)
        file.write_text("+3600\n")
        await fired(count)

    rows = await world.executions(database, task)
    instants = [row.scheduled_for for row in rows]
    assert instants == [first + SECOND * number for number in range(len(rows))]
    assert {row.status for row in rows} == {"queued"}
    assert max(abs(row.created_at - row.scheduled_for) for row in rows) < timedelta(minutes=5)
