"""People who pause, resume and delete at the very moment of firing, in both orders: each instant has one fate."""

from datetime import timedelta
from typing import Any

import pytest

from common.db.session import Database, WriteSession
from common.domain.states import Status
from common.services import tasks
from scheduler.fire import Fire
from tests.support import world
from tests.support.interleave import overlap
from tests.support.world import DUE, NOW, StillClock, after

MINUTE = timedelta(minutes=1)


def firing(database: Database, seconds: float = 0) -> Any:
    """The scheduler's transaction."""
    return Fire(database, StillClock(after(seconds)))._fire


class Switching:
    """A person who pauses or resumes a task."""

    def __init__(self, task: int, on: bool, seconds: float = 0) -> None:
        self.task, self.on, self.now = task, on, after(seconds)

    async def __call__(self, session: WriteSession) -> None:
        await tasks.set_enabled(session, self.task, self.on, now=self.now, by="li")


class Deleting:
    """A person who deletes a task."""

    def __init__(self, task: int) -> None:
        self.task = task

    async def __call__(self, session: WriteSession) -> None:
        await tasks.delete(session, self.task, by="li", now=NOW)


@pytest.fixture
async def task(database: Database) -> int:
    """A task that is due now, and then every minute."""
    task = await world.add_task(database)
    await world.add_schedule(database, task, "* * * * *")
    return task


async def fates(database: Database, task: int) -> list[tuple[Any, ...]]:
    return [(row.scheduled_for, row.status, row.reason, row.instants) for row in await world.executions(database, task)]


async def switch(database: Database, task: int, on: bool, seconds: float) -> None:
    async with database.write() as session:
        await Switching(task, on, seconds)(session)


class TestPauseAndFire:
    async def test_what_was_just_fired_is_skipped_by_the_pause(
        self, database: Database, elsewhere: Database, task: int
    ) -> None:
        await overlap(database, elsewhere, firing(database), Switching(task, False))
        assert await fates(database, task) == [(DUE, "skipped", "paused", 1)]
        await switch(database, task, True, 90)
        assert await fates(database, task) == [(DUE, "skipped", "paused", 1), (DUE + MINUTE, "skipped", "paused", 1)]

    async def test_what_the_pause_was_faster_with_is_not_fired_and_not_forgotten(
        self, database: Database, elsewhere: Database, task: int
    ) -> None:
        _, fired = await overlap(database, elsewhere, Switching(task, False), firing(elsewhere))
        assert fired == 0
        assert await fates(database, task) == []
        await switch(database, task, True, 90)
        assert await fates(database, task) == [(DUE, "skipped", "paused", 2)]


class TestResumeAndFire:
    @pytest.fixture
    async def paused(self, database: Database, task: int) -> int:
        await switch(database, task, False, 0)
        return task

    async def test_a_resume_fires_nothing_of_the_pause(
        self, database: Database, elsewhere: Database, paused: int
    ) -> None:
        _, fired = await overlap(database, elsewhere, Switching(paused, True, 3600), firing(elsewhere, 3600))
        assert fired == 0
        assert await fates(database, paused) == [(DUE, "skipped", "paused", 61)]
        assert (await world.schedule(database, 1)).next_run_at == DUE + 61 * MINUTE

    async def test_a_fire_just_before_the_resume_finds_nothing_due(
        self, database: Database, elsewhere: Database, paused: int
    ) -> None:
        fired, _ = await overlap(database, elsewhere, firing(database, 3600), Switching(paused, True, 3600))
        assert fired == 0
        assert await fates(database, paused) == [(DUE, "skipped", "paused", 61)]

    async def test_two_resumes_write_the_pause_down_once(
        self, database: Database, elsewhere: Database, paused: int
    ) -> None:
        await overlap(database, elsewhere, Switching(paused, True, 3600), Switching(paused, True, 3601))
        assert await fates(database, paused) == [(DUE, "skipped", "paused", 61)]


class TestDeleteAndFire:
    async def test_what_was_just_fired_is_cancelled(self, database: Database, elsewhere: Database, task: int) -> None:
        await overlap(database, elsewhere, firing(database), Deleting(task))
        assert await fates(database, task) == [(DUE, Status.CANCELLED, "", 1)]

    async def test_what_was_just_deleted_is_not_fired(self, database: Database, elsewhere: Database, task: int) -> None:
        _, fired = await overlap(database, elsewhere, Deleting(task), firing(elsewhere))
        assert fired == 0
        assert await fates(database, task) == []
