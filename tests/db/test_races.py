"""Two that want the same rows, in both orders: the loser sees what the winner did, and nothing is half done."""

from datetime import datetime
from typing import Any

from common.db.session import Database, WriteSession
from common.domain.states import Status
from common.errors import NotFound
from common.queue import cancel, claims, leases, waiting
from common.queue.claims import Claim
from common.queue.finish import Result, finish
from common.queue.transitions import E
from common.services import tasks
from common.services.inputs import TaskPatch
from scheduler.fire import Fire
from tests.support import world
from tests.support.interleave import on_servers, overlap
from tests.support.world import DUE, NOW, after, result


class Claiming:
    """A worker's claim."""

    def __init__(self, limit: int = 1, worker_id: str = "wei") -> None:
        self.limit, self.worker_id = limit, worker_id

    async def __call__(self, session: WriteSession) -> list[Claim]:
        return await claims.claim(
            session, worker_id=self.worker_id, queues=["default"], limit=self.limit, lease=60, now=NOW
        )


class Finishing:
    """A worker's report."""

    def __init__(self, *results: Result) -> None:
        self.results = results

    async def __call__(self, session: WriteSession) -> set[claims.Key]:
        return await finish(session, self.results)


class Reaping:
    """The reaper, after the lease."""

    async def __call__(self, session: WriteSession) -> list[claims.Key]:
        return await leases.reap(session, now=after(61))


class Stopping:
    """A person who stops everything of a task."""

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id

    async def __call__(self, session: WriteSession) -> dict[int, Status]:
        return await cancel.request_stop(session, [E.c.task_id == self.task_id], by="li", now=after(1))


class Editing:
    """A person who changes a task."""

    def __init__(self, task_id: int, **patch: Any) -> None:
        self.task_id, self.patch = task_id, TaskPatch(**patch)

    async def __call__(self, session: WriteSession) -> None:
        await tasks.update(session, self.task_id, self.patch, now=NOW)


class Pausing:
    """A person who pauses a task."""

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id

    async def __call__(self, session: WriteSession) -> None:
        await tasks.set_enabled(session, self.task_id, False, now=NOW)


class Deleting:
    """A person who deletes a task."""

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id

    async def __call__(self, session: WriteSession) -> None:
        await tasks.delete(session, self.task_id, by="li", now=NOW)


class RunningNow:
    """A person who runs a task by hand."""

    def __init__(self, task_id: int, request_id: str | None = None) -> None:
        self.task_id, self.request_id = task_id, request_id

    async def __call__(self, session: WriteSession) -> int:
        return await tasks.run_now(session, self.task_id, by="li", now=NOW, request_id=self.request_id)


def firing(database: Database) -> Any:
    """The scheduler's transaction, at NOW."""
    return Fire(database, world.StillClock())._fire


async def promoting(session: WriteSession) -> int:
    return await waiting.promote(session, now=NOW)


async def states(database: Database, task_id: int) -> list[str]:
    return sorted(row.status for row in await world.executions(database, task_id))


class TestTwoClaims:
    async def test_the_second_gets_the_rest_and_not_nothing(self, database: Database, elsewhere: Database) -> None:
        ids = await world.add_executions(database, await world.add_task(database), 5)
        first, second = await overlap(database, elsewhere, Claiming(3), Claiming(4, "zhang"))
        assert [claim.id for claim in first] == ids[:3]
        assert [claim.id for claim in second] == ids[3:]

    async def test_the_second_goes_empty_when_the_first_took_all(self, database: Database, elsewhere: Database) -> None:
        await world.add_executions(database, await world.add_task(database), 2)
        first, second = await overlap(database, elsewhere, Claiming(5), Claiming(5, "zhang"))
        assert (len(first), len(second)) == (2, 0)


class TestFinishAndReap:
    async def test_what_is_finished_is_not_reaped(self, database: Database, elsewhere: Database) -> None:
        await world.add_executions(database, await world.add_task(database))
        mine = await world.claim_and_spawn(database)
        _, reaped = await overlap(database, elsewhere, Finishing(result(mine)), Reaping())
        assert reaped == []
        assert (await world.execution(database, mine.id)).status == Status.SUCCESS

    async def test_a_result_just_after_the_reaper_still_counts(self, database: Database, elsewhere: Database) -> None:
        await world.add_executions(database, await world.add_task(database))
        mine = await world.claim_and_spawn(database)
        reaped, stale = await overlap(database, elsewhere, Reaping(), Finishing(result(mine)))
        assert (reaped, stale) == ([mine.key], set())
        row = await world.execution(database, mine.id)
        assert (row.status, row.lost_token, row.stdout) == (Status.SUCCESS, mine.token, "hello\n")
        assert [attempt.status for attempt in await world.attempts(database, mine.id)] == [Status.SUCCESS]

    async def test_a_result_is_stale_when_the_reaper_has_queued_it_again(
        self, database: Database, elsewhere: Database
    ) -> None:
        await world.add_executions(database, await world.add_task(database, delivery="at_least_once"))
        mine = await world.claim_and_spawn(database)
        reaped, stale = await overlap(database, elsewhere, Reaping(), Finishing(result(mine)))
        assert (reaped, stale) == ([mine.key], {mine.key})
        row = await world.execution(database, mine.id)
        assert (row.status, row.stdout) == (Status.QUEUED, None)


class TestCancelAndFinish:
    async def test_what_ended_first_stays_as_it_ended(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        await world.add_executions(database, task)
        mine = await world.claim_and_spawn(database)
        _, found = await overlap(database, elsewhere, Finishing(result(mine)), Stopping(task))
        assert found == {}
        row = await world.execution(database, mine.id)
        assert (row.status, row.cancel_requested_at) == (Status.SUCCESS, None)

    async def test_a_retry_that_was_just_queued_is_cancelled(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        await world.add_executions(database, task)
        mine = await world.claim_and_spawn(database)
        failed = result(mine, Status.FAILED, exit_code=1, retry_at=after(60))
        _, found = await overlap(database, elsewhere, Finishing(failed), Stopping(task))
        assert found == {mine.id: Status.QUEUED}
        assert (await world.execution(database, mine.id)).status == Status.CANCELLED

    async def test_what_was_stopped_is_not_tried_again(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        await world.add_executions(database, task)
        mine = await world.claim_and_spawn(database)
        failed = result(mine, Status.FAILED, exit_code=1, retry_at=after(60))
        found, stale = await overlap(database, elsewhere, Stopping(task), Finishing(failed))
        assert (found, stale) == ({mine.id: Status.RUNNING}, set())
        row = await world.execution(database, mine.id)
        assert (row.status, row.cancelled_by) == (Status.FAILED, "li")


class TestTimeoutAndFinish:
    """Two reports of one attempt, as a worker and its successor may make: the first one stands."""

    async def test_a_success_after_the_timeout_changes_nothing(self, database: Database, elsewhere: Database) -> None:
        await self.reported(database, elsewhere, Status.TIMED_OUT, Status.SUCCESS)

    async def test_a_timeout_after_the_success_changes_nothing(self, database: Database, elsewhere: Database) -> None:
        await self.reported(database, elsewhere, Status.SUCCESS, Status.TIMED_OUT)

    async def reported(self, database: Database, elsewhere: Database, first: Status, second: Status) -> None:
        await world.add_executions(database, await world.add_task(database))
        mine = await world.claim_and_spawn(database)
        reports = [Finishing(result(mine, status, stdout=status.value)) for status in (first, second)]
        assert await overlap(database, elsewhere, *reports) == (set(), set())
        row = await world.execution(database, mine.id)
        assert (row.status, row.stdout) == (first, first.value)
        assert [attempt.status for attempt in await world.attempts(database, mine.id)] == [first]


class TestEditAndFire:
    async def test_the_edit_first_then_only_the_new_schedule_fires(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)
        await world.add_schedule(database, task)
        await overlap(database, elsewhere, Editing(task, cron="0 0 1 1 *"), firing(elsewhere))
        await Fire(database, world.StillClock()).tick()
        assert await world.executions(database) == []
        async with database.read() as session:
            (row,) = (await tasks.view(session, task)).schedules
        assert (row.expr, row.next_run_at) == ("0 0 1 1 *", datetime.fromisoformat("2027-01-01T00:00Z"))

    async def test_the_fire_first_then_its_row_stays_and_the_new_schedule_counts(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)
        await world.add_schedule(database, task)
        await overlap(database, elsewhere, firing(database), Editing(task, cron="0 0 1 1 *"))
        assert [row.scheduled_for for row in await world.executions(database)] == [DUE]
        async with database.read() as session:
            (row,) = (await tasks.view(session, task)).schedules
        assert (row.expr, row.next_run_at) == ("0 0 1 1 *", datetime.fromisoformat("2027-01-01T00:00Z"))

    async def test_an_edit_of_something_else_keeps_what_the_fire_wrote(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)
        schedule = await world.add_schedule(database, task, "0 * * * * *")
        await overlap(database, elsewhere, firing(database), Editing(task, command="false"))
        assert (await world.schedule(database, schedule)).next_run_at == DUE.replace(minute=1)


class TestTwoFires:
    async def test_the_second_finds_nothing_left_to_fire(self, database: Database, elsewhere: Database) -> None:
        for _ in range(3):
            await world.add_schedule(database, await world.add_task(database))
        assert await overlap(database, elsewhere, firing(database), firing(elsewhere)) == (3, 0)
        assert len(await world.executions(database)) == 3

    @on_servers
    async def test_a_schedule_that_is_held_does_not_make_the_other_scheduler_spin(
        self, database: Database, elsewhere: Database
    ) -> None:
        await world.add_schedule(database, await world.add_task(database))
        async with database.write() as session:
            await firing(database)(session)
            wait = await Fire(elsewhere, world.StillClock()).tick()
        assert 0 < wait < 0.5

    async def test_two_promotions_let_one_execution_go(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database, concurrency="queue")
        await world.add_executions(database, task, 3, status=Status.WAITING)
        first, second = await overlap(database, elsewhere, promoting, promoting)
        assert first + second == 1
        assert await states(database, task) == [Status.QUEUED, Status.WAITING, Status.WAITING]


class TestDeleteAndClaim:
    async def test_what_was_just_claimed_is_stopped(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        (id_,) = await world.add_executions(database, task)
        await overlap(database, elsewhere, Claiming(), Deleting(task))
        row = await world.execution(database, id_)
        assert (row.status, row.cancelled_by) == (Status.RUNNING, "li")
        assert row.cancel_requested_at is not None

    async def test_what_was_just_deleted_is_not_claimed(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        (id_,) = await world.add_executions(database, task)
        _, claimed = await overlap(database, elsewhere, Deleting(task), Claiming())
        assert claimed == []
        assert (await world.execution(database, id_)).status == Status.CANCELLED


class TestPauseAndClaim:
    async def test_what_was_just_claimed_runs_on(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        (id_,) = await world.add_executions(database, task, trigger="schedule")
        await overlap(database, elsewhere, Claiming(), Pausing(task))
        row = await world.execution(database, id_)
        assert (row.status, row.token, row.reason) == (Status.RUNNING, 1, "")

    async def test_what_was_just_skipped_is_not_claimed(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        (id_,) = await world.add_executions(database, task, trigger="schedule")
        _, claimed = await overlap(database, elsewhere, Pausing(task), Claiming())
        assert claimed == []
        row = await world.execution(database, id_)
        assert (row.status, row.reason, row.token) == (Status.SKIPPED, "paused", 0)


class TestStopAndClaim:
    async def test_what_was_just_claimed_is_marked(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        (id_,) = await world.add_executions(database, task)
        _, found = await overlap(database, elsewhere, Claiming(), Stopping(task))
        assert found == {id_: Status.RUNNING}
        row = await world.execution(database, id_)
        assert (row.status, row.cancel_requested_at) == (Status.RUNNING, after(1))

    async def test_what_was_just_cancelled_is_not_claimed(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        (id_,) = await world.add_executions(database, task)
        found, claimed = await overlap(database, elsewhere, Stopping(task), Claiming())
        assert (found, claimed) == ({id_: Status.QUEUED}, [])
        assert (await world.execution(database, id_)).status == Status.CANCELLED


class TestTwoPeopleAtOneTask:
    async def test_two_edits_leave_the_schedule_of_the_later_one(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        await world.add_schedule(database, task)
        await overlap(database, elsewhere, Editing(task, cron="0 0 1 1 *"), Editing(task, cron="0 0 2 2 *"))
        async with database.read() as session:
            found = [row.expr for row in (await tasks.view(session, task)).schedules]
        assert found == ["0 0 2 2 *"]

    async def test_two_edits_of_different_fields_both_count(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        await overlap(database, elsewhere, Editing(task, command="echo 1"), Editing(task, description="two"))
        async with database.read() as session:
            found = await tasks.get(session, task)
        assert (found.command, found.description) == ("echo 1", "two")

    async def test_an_edit_of_a_task_that_was_paused_meanwhile_gives_it_no_next_run(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)
        await overlap(database, elsewhere, Pausing(task), Editing(task, cron="* * * * *"))
        async with database.read() as session:
            view = await tasks.view(session, task)
        assert view.task.enabled is False
        assert [row.next_run_at for row in view.schedules] == [None]

    async def test_a_pause_of_a_task_that_was_edited_meanwhile_switches_its_new_schedule_off(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)
        await overlap(database, elsewhere, Editing(task, cron="* * * * *"), Pausing(task))
        async with database.read() as session:
            view = await tasks.view(session, task)
        assert view.task.enabled is False
        assert [row.next_run_at for row in view.schedules] == [None]

    async def test_an_edit_of_a_task_that_was_deleted_meanwhile_finds_none(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)

        async def editing(session: WriteSession) -> str:
            try:
                await Editing(task, cron="* * * * *")(session)
            except NotFound:
                return "not found"
            return "edited"

        _, answer = await overlap(database, elsewhere, Deleting(task), editing)
        assert answer == "not found"

    async def test_a_run_of_a_task_that_was_deleted_meanwhile_finds_none(
        self, database: Database, elsewhere: Database
    ) -> None:
        task = await world.add_task(database)

        async def running(session: WriteSession) -> str:
            try:
                await RunningNow(task)(session)
            except NotFound:
                return "not found"
            return "running"

        _, answer = await overlap(database, elsewhere, Deleting(task), running)
        assert answer == "not found"

    async def test_a_delete_cancels_the_run_that_was_just_queued(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        await overlap(database, elsewhere, RunningNow(task), Deleting(task))
        assert await states(database, task) == [Status.CANCELLED]

    async def test_the_same_request_twice_is_one_run(self, database: Database, elsewhere: Database) -> None:
        task = await world.add_task(database)
        first, second = await overlap(database, elsewhere, RunningNow(task, "r1"), RunningNow(task, "r1"))
        assert first == second
        assert await states(database, task) == [Status.QUEUED]
