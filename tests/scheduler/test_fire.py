"""Firing: what was due is accounted for, whatever the time that has passed and whatever still runs."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.db.session import Database
from common.domain.states import Status
from common.queue.finish import finish as record
from scheduler.fire import Fire
from scheduler.settle import Settle
from tests.support import world
from tests.support.history import Row, check_history
from tests.support.world import DUE, NOW, StillClock, after, result

MINUTE = timedelta(minutes=1)


async def fire(database: Database, clock: StillClock | None = None) -> float:
    return await Fire(database, clock or StillClock()).tick()


async def settle(database: Database) -> None:
    await Settle(database, StillClock(after(10))).tick()


async def finish(database: Database, execution_id: int) -> None:
    await world.change(database, execution_id, status=Status.SUCCESS, finished_at=after(5), lease_until=None)


async def states(database: Database, task: int) -> list[str]:
    return [row.status for row in sorted(await world.executions(database, task), key=lambda row: row.id)]


class TestOneInstantOneRow:
    async def test_a_due_schedule_becomes_a_queued_execution_and_moves_on(self, database: Database) -> None:
        task = await world.add_task(database, queue="gpu", priority=7)
        schedule = await world.add_schedule(database, task, "*/5 * * * * *")
        await fire(database)
        (row,) = await world.executions(database)
        assert (row.task_id, row.schedule_id, row.trigger, row.status) == (task, schedule, "schedule", Status.QUEUED)
        assert (row.fire_key, row.scheduled_for) == ("c:2026-06-01T12:00:00.000000Z", DUE)
        assert (row.queue, row.priority, row.available_at, row.created_at) == ("gpu", 7, NOW, NOW)
        assert (await world.schedule(database, schedule)).next_run_at == DUE + timedelta(seconds=5)

    async def test_what_is_not_due_stays(self, database: Database) -> None:
        task = await world.add_task(database)
        for coming in (after(0.001), None):
            await world.add_schedule(database, task, next_run_at=coming)
        await fire(database)
        assert await world.executions(database) == []

    async def test_two_schedules_that_name_the_same_instant_fire_it_once(self, database: Database) -> None:
        task = await world.add_task(database, concurrency="allow")
        schedules = [await world.add_schedule(database, task, expr) for expr in ("* * * * * *", "0 * * * * *")]
        await fire(database)
        assert [row.scheduled_for for row in await world.executions(database)] == [DUE]
        moved = [(await world.schedule(database, id_)).next_run_at for id_ in schedules]
        assert moved == [DUE + timedelta(seconds=1), DUE + MINUTE]

    async def test_an_instant_that_has_its_row_is_not_fired_again(self, database: Database) -> None:
        task = await world.add_task(database)
        schedule = await world.add_schedule(database, task)
        await fire(database)
        (before,) = await world.executions(database)
        await finish(database, before.id)
        async with database.write() as session:
            await session.execute(world.S.update().values(next_run_at=DUE))
        await fire(database)
        assert [row.id for row in await world.executions(database)] == [before.id]
        assert (await world.schedule(database, schedule)).next_run_at == DUE + timedelta(seconds=1)

    async def test_a_schedule_that_is_over_fires_for_the_last_time(self, database: Database) -> None:
        task = await world.add_task(database, concurrency="allow")
        once = await world.add_schedule(database, task, "2026-06-01T12:00:00Z", kind="once")
        ended = await world.add_schedule(database, task, end_at=DUE)
        await fire(database)
        assert len(await world.executions(database)) == 1
        assert [(await world.schedule(database, id_)).next_run_at for id_ in (once, ended)] == [None, None]

    async def test_spreading_moves_the_start_and_not_the_instant(self, database: Database) -> None:
        task = await world.add_task(database)
        await world.add_schedule(database, task, "0 * * * * *", jitter=3600)
        await fire(database)
        (row,) = await world.executions(database)
        assert row.scheduled_for == DUE
        assert NOW <= row.available_at <= DUE + timedelta(hours=1)

    async def test_a_batch_that_is_full_is_followed_at_once(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.fire.FEW", 3)
        for _ in range(5):
            await world.add_schedule(database, await world.add_task(database))
        assert await fire(database) == 0
        assert len(await world.executions(database)) == 3
        await fire(database)
        assert len(await world.executions(database)) == 5


#: policy, grace -> how many of the eleven instants of ten minutes run, and why the others do not
TEN_MINUTES: dict[tuple[str, int | None], tuple[int, dict[str, int]]] = {
    ("latest", None): (1, {"superseded": 10}),
    ("latest", 90): (1, {"superseded": 1, "grace_over": 9}),
    ("all", None): (11, {}),
    ("all", 300): (5, {"grace_over": 6}),
    ("skip", None): (1, {"policy_skip": 10}),
    ("skip", 300): (5, {"grace_over": 6}),
}
#: The same for three days: how many run, and why the rest is summed up in one row
THREE_DAYS: dict[tuple[str, int | None], tuple[int, str]] = {
    ("latest", None): (1, "superseded"),
    ("all", None): (100, "bound"),
    ("all", 3600): (60, "grace_over"),
    ("skip", None): (1, "policy_skip"),
}


class TestAfterADowntime:
    """Rota was away; a schedule that is due every minute has waited all the time."""

    async def test_of_ten_minutes_every_instant_has_its_row(self, database: Database) -> None:
        tasks = await self.waiting(database, timedelta(minutes=10), TEN_MINUTES)
        await fire(database)
        for task, (run, missed) in tasks.items():
            rows = await world.executions(database, task)
            assert [row.status for row in rows] == [Status.MISSED] * (11 - run) + [Status.QUEUED] * run
            found = [row.reason for row in rows if row.status == Status.MISSED]
            assert {reason: found.count(reason) for reason in found} == missed
            assert {row.finished_at for row in rows if row.status == Status.MISSED} <= {NOW}
            await self.accounted(database, task, timedelta(minutes=10))

    async def test_of_three_days_the_rest_is_summed_up_in_one_row(self, database: Database) -> None:
        tasks = await self.waiting(database, timedelta(days=3), THREE_DAYS)
        await fire(database)
        for task, (run, reason) in tasks.items():
            summary, *rows = await world.executions(database, task)
            assert [row.scheduled_for for row in rows] == [DUE - n * MINUTE for n in reversed(range(run))]
            assert {row.status for row in rows} == {Status.QUEUED}
            assert (summary.status, summary.reason, summary.instants) == (Status.MISSED, reason, 4321 - run)
            assert (summary.scheduled_for, summary.scheduled_until) == (DUE - timedelta(days=3), DUE - run * MINUTE)
            await self.accounted(database, task, timedelta(days=3))

    async def test_what_is_older_than_a_minute_does_not_run_where_late_ones_are_skipped(
        self, database: Database
    ) -> None:
        task = await world.add_task(database, misfire_policy="skip")
        await world.add_schedule(database, task, "0 */10 * * * *")
        await fire(database, StillClock(after(90)))
        (row,) = await world.executions(database)
        assert (row.status, row.reason) == (Status.MISSED, "policy_skip")

    async def test_a_second_of_delay_is_no_downtime(self, database: Database) -> None:
        task = await world.add_task(database, misfire_policy="skip", misfire_grace=0, concurrency="allow")
        await world.add_schedule(database, task)
        await fire(database, StillClock(after(2)))
        assert await states(database, task) == [Status.QUEUED] * 3

    async def waiting(self, database: Database, gap: timedelta, cases: dict[Any, Any]) -> dict[int, Any]:
        tasks = {}
        for (policy, grace), expected in cases.items():
            values = {"misfire_policy": policy, "misfire_grace": grace, "concurrency": "allow"}
            task = await world.add_task(database, **values)
            await world.add_schedule(database, task, "* * * * *", next_run_at=DUE - gap)
            tasks[task] = expected
        return tasks

    async def accounted(self, database: Database, task: int, gap: timedelta) -> None:
        """Every instant of the gap has exactly one row, and the schedule goes on with the next."""
        due: list[datetime] = [DUE - n * MINUTE for n in range(gap // MINUTE + 1)]
        rows = [
            Row(
                row.id,
                row.task_id,
                row.scheduled_for,
                row.status,
                instants=row.instants,
                scheduled_until=row.scheduled_until,
            )
            for row in await world.executions(database, task)
        ]
        assert [item for item in check_history(rows, {task: due}) if item.invariant == "I1"] == []
        async with database.read() as session:
            found = await session.scalars(
                world.S.select().where(world.S.c.task_id == task).with_only_columns(world.S.c.next_run_at)
            )
        assert list(found) == [DUE + MINUTE]


class TestWhileItStillRuns:
    async def busy(self, database: Database, policy: str, status: Status = Status.RUNNING) -> tuple[int, int]:
        task = await world.add_task(database, concurrency=policy)
        (active,) = await world.add_executions(database, task, status=status)
        await world.add_schedule(database, task)
        await fire(database)
        return task, active

    async def test_skip_leaves_a_row_that_says_so(self, database: Database) -> None:
        for status in (Status.RUNNING, Status.QUEUED, Status.WAITING):
            task, active = await self.busy(database, "skip", status)
            row = max(await world.executions(database, task), key=lambda row: row.id)
            assert (row.status, row.reason, row.finished_at) == (Status.SKIPPED, "overlap", NOW)
            assert (await world.execution(database, active)).status == status

    async def test_skip_runs_again_once_it_is_over(self, database: Database) -> None:
        task, active = await self.busy(database, "skip")
        await finish(database, active)
        await fire(database, StillClock(after(1)))
        assert await states(database, task) == [Status.SUCCESS, Status.SKIPPED, Status.QUEUED]

    async def test_queue_waits_its_turn(self, database: Database) -> None:
        task, active = await self.busy(database, "queue")
        await fire(database, StillClock(after(1)))
        await settle(database)
        assert await states(database, task) == [Status.RUNNING, Status.WAITING, Status.WAITING]
        await finish(database, active)
        await settle(database)
        assert await states(database, task) == [Status.SUCCESS, Status.QUEUED, Status.WAITING]
        second = max(row.id for row in await world.executions(database, task) if row.status == Status.QUEUED)
        assert (await world.execution(database, second)).available_at == after(10)
        await settle(database)
        assert await states(database, task) == [Status.SUCCESS, Status.QUEUED, Status.WAITING]
        await finish(database, second)
        await settle(database)
        assert await states(database, task) == [Status.SUCCESS, Status.SUCCESS, Status.QUEUED]

    async def test_queue_waits_for_a_retry_too(self, database: Database) -> None:
        task, active = await self.busy(database, "queue")
        await world.change(database, active, status=Status.QUEUED, available_at=after(3600), failures=1)
        await settle(database)
        assert await states(database, task) == [Status.QUEUED, Status.WAITING]

    async def test_replace_stops_what_runs_and_goes_next(self, database: Database) -> None:
        task, active = await self.busy(database, "replace")
        row = await world.execution(database, active)
        assert (row.status, row.cancelled_by) == (Status.RUNNING, "replaced by a newer run")
        assert row.cancel_requested_at == NOW
        assert await states(database, task) == [Status.RUNNING, Status.WAITING]
        await world.change(database, active, status=Status.CANCELLED)
        await settle(database)
        assert await states(database, task) == [Status.CANCELLED, Status.QUEUED]

    async def test_replace_takes_the_place_of_what_has_not_begun(self, database: Database) -> None:
        for status in (Status.QUEUED, Status.WAITING):
            task, _ = await self.busy(database, "replace", status)
            await settle(database)
            assert await states(database, task) == [Status.CANCELLED, Status.QUEUED]

    async def test_allow_runs_beside_it(self, database: Database) -> None:
        task, _ = await self.busy(database, "allow")
        await fire(database, StillClock(after(1)))
        assert await states(database, task) == [Status.RUNNING, Status.QUEUED, Status.QUEUED]

    async def test_instants_that_come_due_together_keep_to_the_policy_among_themselves(
        self, database: Database
    ) -> None:
        tasks = {}
        for policy in ("skip", "queue", "allow"):
            tasks[policy] = await world.add_task(database, concurrency=policy)
            await world.add_schedule(database, tasks[policy])
        await fire(database, StillClock(after(2)))
        assert await states(database, tasks["skip"]) == [Status.QUEUED, Status.SKIPPED, Status.SKIPPED]
        assert await states(database, tasks["queue"]) == [Status.QUEUED, Status.WAITING, Status.WAITING]
        assert await states(database, tasks["allow"]) == [Status.QUEUED] * 3

    async def test_settling_lets_one_of_every_task_go(self, database: Database) -> None:
        tasks = [await world.add_task(database, concurrency="queue") for _ in range(3)]
        for task in tasks:
            await world.add_executions(database, task, 2, status=Status.WAITING)
        await settle(database)
        for task in tasks:
            assert await states(database, task) == [Status.QUEUED, Status.WAITING]

    async def test_the_next_in_line_runs_after_a_worker_has_finished(self, database: Database) -> None:
        task = await world.add_task(database, concurrency="queue")
        await world.add_executions(database, task)
        mine = await world.claim_and_spawn(database)
        await world.add_executions(database, task, status=Status.WAITING)
        async with database.write() as session:
            await record(session, [result(mine)])
        await settle(database)
        assert await states(database, task) == [Status.SUCCESS, Status.QUEUED]


BROKEN: list[dict[str, Any]] = [
    {"expr": "this is no cron"},
    {"expr": "0 0 30 2 *"},
    {"timezone": "Mars/Olympus_Mons"},
    {"kind": "moon"},
    {"kind": "interval", "expr": "-5s"},
]


async def test_a_schedule_that_cannot_be_read_is_switched_off_and_blocks_nobody(database: Database) -> None:
    healthy = [await world.add_schedule(database, await world.add_task(database))]
    broken = [
        await world.add_schedule(database, await world.add_task(database), **{"expr": "* * * * *"} | values)
        for values in BROKEN
    ]
    unknown_policy = await world.add_task(database, misfire_policy="whatever")
    broken.append(await world.add_schedule(database, unknown_policy))
    healthy.append(await world.add_schedule(database, await world.add_task(database)))
    with capture_logs() as logs:
        await fire(database)
    assert {entry["schedule"] for entry in logs if entry["log_level"] == "error"} == set(broken)
    rows = {row.schedule_id: row for row in await world.executions(database)}
    assert {rows[id_].status for id_ in healthy} == {Status.QUEUED}
    for id_ in broken:
        assert (rows[id_].status, rows[id_].reason, rows[id_].scheduled_for) == (Status.MISSED, "schedule_broken", DUE)
        assert (await world.schedule(database, id_)).next_run_at is None
    await fire(database, StillClock(after(1)))
    assert len(await world.executions(database)) == len(healthy) * 2 + len(broken)
