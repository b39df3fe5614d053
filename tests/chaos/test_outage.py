"""A database that is away for a while, and for long: what runs, what is stopped, and what becomes of results."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from common.db.models import Worker, table_of
from common.db.session import Database
from common.domain.states import Status
from common.process import pause
from tests.support.eventually import eventually
from tests.support.interleave import on_servers
from tests.support.proxy import Mode, Proxy, proxy
from tests.worker.rig import Rig
from worker.claim import deadline
from worker.runner import procfs

pytestmark = [on_servers, pytest.mark.process, pytest.mark.chaos, pytest.mark.timeout(400)]
W = table_of(Worker)
#: Seconds; the defaults are 60 and 10. An outage of half a lease is what 30 s are to those.
LEASE, HEARTBEAT = 8.0, 1.0
AWAY = LEASE / 2
#: Writes its process and that it lives, until its gate opens; ends with a word.
SCRIPT = """echo $$ >> {name}.pids; echo begun of {name}
while test ! -e {name}.gate; do echo beat >> {name}.beats; sleep 0.1; done
echo ended of {name}; touch {name}.over"""


@dataclass
class Stage:
    """Scheduler and worker behind a proxy, and tasks that wait for their gates."""

    rig: Rig
    between: Proxy
    folder: Path

    async def begin(self, name: str, delivery: str) -> int:
        script = SCRIPT.format(name=self.folder / name)
        execution = await self.rig.run_command(script, delivery=delivery)
        await self.runs(name)
        return execution

    async def runs(self, name: str, attempts: int = 1) -> int:
        """Wait until so many attempts have begun and the newest lives; gives how many there are."""

        def lives() -> int:
            assert len(self.pids(name)) >= attempts
            assert procfs.look(self.pids(name)[-1])
            return len(self.pids(name))

        return await eventually(lives)

    def pids(self, name: str) -> list[int]:
        """The processes of its attempts so far."""
        path = self.folder / f"{name}.pids"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    async def end(self, name: str) -> None:
        """Open its gate, and wait until it has gone through."""
        (self.folder / f"{name}.gate").touch()
        await eventually(partial(there, self.folder / f"{name}.over"))

    async def beats(self, name: str) -> None:
        """It lives: it writes more than it had."""
        path = self.folder / f"{name}.beats"
        before = path.stat().st_size
        await eventually(partial(grown, path, before))

    async def next_heartbeat(self) -> datetime:
        """Wait for a sign of life of the worker; gives when it was, by the database."""
        before = await self._heartbeat()

        async def another() -> datetime:
            found = await self._heartbeat()
            assert found > before
            return found

        return await eventually(another)

    async def _heartbeat(self) -> datetime:
        async with self.rig.database.read() as session:
            found: datetime | None = await session.scalar(select(W.c.heartbeat_at))
        assert found is not None
        return found


def there(path: Path) -> None:
    assert path.exists()


def grown(path: Path, before: int) -> None:
    assert path.stat().st_size > before


def gone(pid: int) -> None:
    assert procfs.look(pid) is None


@pytest.fixture
async def stage(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    url = make_url(database_url)
    async with proxy(url.host or "", url.port or 0) as between:
        through = url.set(port=between.port).render_as_string(hide_password=False)
        rig = Rig(database, through, tmp_path)
        yield Stage(rig, between, tmp_path)
        await between.set(Mode.PASS)
        await rig.close()


async def test_away_for_half_a_lease_and_then_for_longer_than_one(stage: Stage) -> None:
    rig = stage.rig
    rig.spawn(lease=LEASE, heartbeat=HEARTBEAT, slots=8)
    rig.schedule(lease=LEASE, heartbeat=HEARTBEAT)
    once = await stage.begin("once", "at_most_once")
    again = await stage.begin("again", "at_least_once")

    # As long as 30 s are with the defaults: nothing is ended and nothing lost, and what ended meanwhile is recorded.
    short = await stage.begin("short", "at_most_once")
    for _ in range(6):
        tries = await stage.runs("again")
        before = await stage.next_heartbeat()
        await stage.between.set(Mode.REFUSE)
        await stage.end("short")
        await pause(AWAY)
        await stage.between.set(Mode.PASS)
        silent = (await stage.next_heartbeat() - before).total_seconds()
        if silent < deadline(0, LEASE):
            break
        # This machine was late by more than the promise leaves: what may run twice was stopped, and so it should be.
        await pause(LEASE)
    assert silent < deadline(0, LEASE), "never in six times did this machine find the time for a heartbeat"
    assert (await stage.runs("again"), len(stage.pids("once"))) == (tries, 1)
    await stage.beats("once")
    row = await rig.until(short, timeout=60)
    assert (row.status, row.token) == (Status.SUCCESS, 1)
    text, _ = await rig.text(short)
    assert text.splitlines() == [f"begun of {stage.folder / 'short'}", f"ended of {stage.folder / 'short'}"]

    # For longer than a lease: what may run twice is stopped before its lease is over, the other runs on.
    late = await stage.begin("late", "at_most_once")
    await stage.next_heartbeat()
    cut = time.monotonic()
    await stage.between.set(Mode.BLACK_HOLE)
    await stage.end("late")
    await eventually(partial(gone, stage.pids("again")[-1]))
    await pause(max(0.0, cut + 1.1 * LEASE - time.monotonic()))
    await stage.beats("once")
    assert len(stage.pids("again")) == tries, "an attempt was begun while nobody could know whether it may"
    await stage.between.set(Mode.PASS)
    row = await rig.until(late, timeout=60)
    assert (row.status, row.token) == (Status.SUCCESS, 1)
    assert "ended of" in (await rig.text(late))[0]

    # And when it is back what was stopped runs again, and what ran on is what it was.
    await stage.runs("again", tries + 1)
    for name, execution, token in (("again", again, tries + 1), ("once", once, 1)):
        await stage.end(name)
        row = await rig.until(execution, Status.SUCCESS, timeout=60)
        assert row.token == token
        assert "ended of" in (await rig.text(execution))[0]
    assert [attempt.status for attempt in await rig.attempts(again)] == [*[Status.LOST] * tries, Status.SUCCESS]
    assert len(stage.pids("once")) == 1
