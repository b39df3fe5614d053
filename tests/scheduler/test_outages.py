"""A scheduler that was away, through its own tick: the rows each policy promises, and the gap it writes down."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from common.db.models import Fact, SchedulerGap, table_of
from common.db.session import Database
from common.domain.states import Status
from common.services import downtime, facts, tasks
from common.services.inputs import TaskInput, TaskPatch
from scheduler.fire import Fire
from scheduler.heartbeat import Heartbeat
from tests.support import world
from tests.support.world import DUE, NOW, StillClock, after

F = table_of(Fact)
G = table_of(SchedulerGap)
TEN_MINUTES = 600.0
THREE_DAYS = 3 * 86_400.0


async def run_on(database: Database, clock: StillClock) -> None:
    """Tick until nothing is due."""
    fire = Fire(database, clock)
    while await fire.tick() == 0:
        pass


async def away(database: Database, seconds: float, expr: str = "* * * * *", **task: Any) -> list[Any]:
    """The rows of a task whose scheduler was away for so long, from DUE on."""
    id_ = await world.add_task(database, concurrency="allow", **task)
    await world.add_schedule(database, id_, expr)
    clock = StillClock()
    clock.move(seconds)
    await run_on(database, clock)
    return await world.executions(database, id_)


def kinds(rows: list[Any]) -> Counter[tuple[str, str]]:
    """How many rows there are of each state and reason."""
    return Counter((row.status, row.reason) for row in rows)


class TestTenMinutes:
    """Eleven minutes are due, the newest a quarter of a second old."""

    @pytest.mark.parametrize(
        ("policy", "grace", "expected"),
        [
            ("latest", None, {("queued", ""): 1, ("missed", "superseded"): 10}),
            ("latest", 61, {("queued", ""): 1, ("missed", "superseded"): 1, ("missed", "grace_over"): 9}),
            ("all", None, {("queued", ""): 11}),
            ("all", 130, {("queued", ""): 3, ("missed", "grace_over"): 8}),
            ("skip", None, {("queued", ""): 1, ("missed", "policy_skip"): 10}),
            ("skip", 130, {("queued", ""): 3, ("missed", "grace_over"): 8}),
        ],
    )
    async def test_each_policy_keeps_its_word(
        self, database: Database, policy: str, grace: int | None, expected: dict[tuple[str, str], int]
    ) -> None:
        rows = await away(database, TEN_MINUTES, misfire_policy=policy, misfire_grace=grace)
        assert kinds(rows) == expected
        assert [row.scheduled_for for row in rows] == [DUE + timedelta(minutes=n) for n in range(11)]
        assert all(row.instants == 1 for row in rows)


class TestThreeDays:
    """4,321 minutes are due: more than deserve a row each."""

    @pytest.mark.parametrize(
        ("policy", "reason", "runs"), [("latest", "superseded", 1), ("all", "bound", 100), ("skip", "policy_skip", 1)]
    )
    async def test_the_missed_are_one_row_that_counts_them(
        self, database: Database, policy: str, reason: str, runs: int
    ) -> None:
        rows = await away(database, THREE_DAYS, misfire_policy=policy)
        assert kinds(rows) == {("queued", ""): runs, ("missed", reason): 1}
        (summary,) = [row for row in rows if row.status == Status.MISSED]
        end = DUE + timedelta(days=3)
        assert (summary.scheduled_for, summary.instants) == (DUE, 4321 - runs)
        assert summary.scheduled_until == end - timedelta(minutes=runs)
        assert max(row.scheduled_for for row in rows) == end

    async def test_a_daily_task_has_a_row_for_every_day(self, database: Database) -> None:
        rows = await away(database, THREE_DAYS, "0 12 * * *", misfire_policy="latest")
        assert [(row.status, row.reason) for row in rows] == [("missed", "superseded")] * 3 + [("queued", "")]

    async def test_what_comes_next_is_a_minute_away(self, database: Database) -> None:
        await away(database, THREE_DAYS)
        row = await world.schedule(database, 1)
        assert row.next_run_at == DUE + timedelta(days=3, minutes=1)


class TestCalendars:
    """Monday 1 June 2026; Germany's next holiday is Thursday 4 June, in Bavaria."""

    async def test_the_day_is_a_skipped_row(self, database: Database) -> None:
        task = await world.add_task(database, misfire_policy="all", concurrency="allow")
        given = {"calendar_name": "DE-BY", "calendar_rule": "never_on", "timezone": "Europe/Berlin"}
        schedule = await world.add_schedule(database, task, "0 14 * * *", **given)
        clock = StillClock()
        for _ in range(5):
            await run_on(database, clock)
            clock.move(86_400)
        rows = await world.executions(database, task)
        assert [(row.scheduled_for.day, row.status, row.reason) for row in rows] == [
            (1, "queued", ""), (2, "queued", ""), (3, "queued", ""), (4, "skipped", "calendar"), (5, "queued", ""),
        ]  # fmt: skip
        row = await world.schedule(database, schedule)
        assert row.next_run_at == row.runs_at == DUE + timedelta(days=5)

    async def test_the_next_run_it_shows_is_one_that_runs(self, database: Database) -> None:
        task = await world.add_task(database)
        given = {"calendar_name": "DE-BY", "calendar_rule": "never_on", "timezone": "Europe/Berlin"}
        schedule = await world.add_schedule(database, task, "0 14 * * *", **given)
        clock = StillClock(NOW + timedelta(days=2))
        await run_on(database, clock)
        row = await world.schedule(database, schedule)
        assert (row.next_run_at, row.runs_at) == (DUE + timedelta(days=3), DUE + timedelta(days=4))
        async with database.read() as session:
            assert (await tasks.view(session, task)).condition.next_run_at == DUE + timedelta(days=4)

    async def test_another_schedule_of_the_task_runs_at_the_instant_that_is_left_out(self, database: Database) -> None:
        task = await world.add_task(database)
        given = {"calendar_name": "DE-BY", "calendar_rule": "never_on", "timezone": "Europe/Berlin"}
        due = DUE + timedelta(days=3)
        await world.add_schedule(database, task, "0 14 * * *", **given, next_run_at=due)
        await world.add_schedule(database, task, "0 14 4 6 *", timezone="Europe/Berlin", next_run_at=due)
        await run_on(database, StillClock(NOW + timedelta(days=3)))
        assert kinds(await world.executions(database, task)) == {("queued", ""): 1, ("skipped", "calendar"): 1}

    async def test_a_whole_week_without_a_scheduler_is_accounted_for(self, database: Database) -> None:
        task = await world.add_task(database, misfire_policy="latest")
        given = {"calendar_name": "DE-BY", "calendar_rule": "never_on", "timezone": "Europe/Berlin"}
        await world.add_schedule(database, task, "*/5 * * * *", **given)
        await run_on(database, StillClock(NOW + timedelta(days=7)))
        rows = await world.executions(database, task)
        found = {(row.status, row.reason): row.instants for row in rows}
        assert found == {("missed", "superseded"): 6 * 288, ("skipped", "calendar"): 288, ("queued", ""): 1}

    async def test_a_calendar_that_is_gone_switches_the_schedule_off_and_says_so(self, database: Database) -> None:
        task = await world.add_task(database)
        schedule = await world.add_schedule(database, task, calendar_name="XX", calendar_rule="never_on")
        await run_on(database, StillClock())
        assert kinds(await world.executions(database, task)) == {("missed", "schedule_broken"): 1}
        assert (await world.schedule(database, schedule)).next_run_at is None


class TestPausing:
    async def given(self, database: Database, **more: Any) -> int:
        async with database.write() as session:
            task = await tasks.create(
                session, TaskInput(name="x", command="true", cron="* * * * *", **more), owner_id=None, now=NOW
            )
            assert task.id is not None
            return task.id

    async def switch(self, database: Database, task: int, on: bool, now: datetime, by: str = "li") -> None:
        async with database.write() as session:
            await tasks.set_enabled(session, task, on, now=now, by=by)

    async def test_resuming_runs_nothing_and_writes_the_pause_down(self, database: Database) -> None:
        task = await self.given(database)
        await self.switch(database, task, False, after(30))
        clock = StillClock(after(3600))
        await run_on(database, clock)
        assert await world.executions(database, task) == []
        await self.switch(database, task, True, clock.instant)
        await run_on(database, clock)
        (row,) = await world.executions(database, task)
        assert (row.status, row.reason, row.instants) == ("skipped", "paused", 60)
        assert (row.scheduled_for, row.scheduled_until) == (DUE + timedelta(minutes=1), DUE + timedelta(hours=1))
        (schedule,) = [await world.schedule(database, 1)]
        assert schedule.next_run_at == DUE + timedelta(minutes=61)

    async def test_an_instant_due_but_not_fired_when_the_pause_came_counts_as_paused(self, database: Database) -> None:
        task = await self.given(database)
        await self.switch(database, task, False, after(61))
        await self.switch(database, task, True, after(62))
        (row,) = await world.executions(database, task)
        assert (row.scheduled_for, row.reason, row.instants) == (DUE + timedelta(minutes=1), "paused", 1)

    async def test_a_short_pause_between_two_instants_leaves_no_trace(self, database: Database) -> None:
        task = await self.given(database)
        await self.switch(database, task, False, after(5))
        await self.switch(database, task, True, after(6))
        assert await world.executions(database, task) == []
        assert (await world.schedule(database, 1)).next_run_at == DUE + timedelta(minutes=1)

    async def test_who_paused_it_and_when_is_kept_until_it_goes_on(self, database: Database) -> None:
        task = await self.given(database)
        await self.switch(database, task, False, after(5))
        async with database.read() as session:
            found = await tasks.get(session, task)
        assert (found.paused_at, found.paused_by) == (after(5), "li")
        await self.switch(database, task, True, after(6))
        async with database.read() as session:
            found = await tasks.get(session, task)
        assert (found.paused_at, found.paused_by) == (None, "")

    async def test_a_schedule_that_is_taken_away_during_a_pause_is_accounted_for(self, database: Database) -> None:
        task = await self.given(database)
        await self.switch(database, task, False, after(5))
        async with database.write() as session:
            await tasks.update(session, task, TaskPatch(cron="0 0 * * *"), now=after(600))
        (row,) = await world.executions(database, task)
        assert (row.reason, row.instants) == ("paused", 10)
        await self.switch(database, task, True, after(700))
        assert len(await world.executions(database, task)) == 1

    async def test_two_schedules_count_the_instant_they_share_once(self, database: Database) -> None:
        async with database.write() as session:
            schedules = [{"expr": "*/2 * * * *"}, {"expr": "*/3 * * * *"}]
            data = TaskInput.model_validate({"name": "x", "command": "true", "schedules": schedules})
            task = (await tasks.create(session, data, owner_id=None, now=NOW)).id
        assert task is not None
        await self.switch(database, task, False, after(1))
        await self.switch(database, task, True, after(360))
        (row,) = await world.executions(database, task)
        assert row.instants == 4  # minutes 2, 3, 4, 6


class TestHeartbeats:
    async def beat(self, database: Database, clock: StillClock, id_: str = "a") -> None:
        await Heartbeat(database, clock, id=id_).tick()

    async def gaps(self, database: Database) -> list[tuple[datetime, datetime]]:
        async with database.read() as session:
            return [(row.started_at, row.ended_at) for row in await session.execute(select(*G.c).order_by(G.c.id))]

    async def test_a_scheduler_that_comes_back_writes_down_how_long_none_was_there(self, database: Database) -> None:
        clock = StillClock()
        await self.beat(database, clock)
        clock.move(TEN_MINUTES)
        await self.beat(database, clock, "b")
        clock.move(5)
        await self.beat(database, clock, "b")
        assert await self.gaps(database) == [(NOW, after(600))]

    async def test_there_is_no_gap_while_another_one_is_at_work(self, database: Database) -> None:
        clock = StillClock()
        await self.beat(database, clock)
        for _ in range(10):
            clock.move(10)
            await self.beat(database, clock, "b")
        await self.beat(database, clock)
        assert await self.gaps(database) == []

    async def test_a_restart_is_no_gap(self, database: Database) -> None:
        clock = StillClock()
        first = Heartbeat(database, clock)
        await first.tick()
        clock.move(4)
        await first.leave()
        clock.move(20)
        await self.beat(database, clock, "b")
        assert await self.gaps(database) == []

    async def test_the_very_first_scheduler_has_missed_nothing(self, database: Database) -> None:
        await self.beat(database, StillClock())
        assert await self.gaps(database) == []

    async def test_the_report_has_what_was_due_and_nothing_else(self, database: Database) -> None:
        clock = StillClock()
        task = await world.add_task(database, name="report", concurrency="allow")
        await world.add_schedule(database, task, "* * * * *")
        await run_on(database, clock)
        await self.beat(database, clock)
        clock.move(TEN_MINUTES)
        await run_on(database, clock)
        await self.beat(database, clock, "b")
        clock.move(60)
        await run_on(database, clock)
        async with database.read() as session:
            (gap,), total = await downtime.page(session, since=None, until=None, number=1, size=10, now=clock.instant)
        assert total == 1
        assert (gap.started_at, gap.ended_at) == (NOW, after(600))
        assert [entry.first for entry in gap.entries] == [DUE + timedelta(minutes=n) for n in range(1, 11)]
        assert gap.counts == {"success": 0, "failed": 0, "cancelled": 0, "pending": 1, "skipped": 0, "missed": 9}
        assert {entry.task_name for entry in gap.entries} == {"report"}
        assert not gap.more


class TestTimeData:
    """The next runs of a scheduler that starts with other zone data than those they were made with."""

    async def follow(self, database: Database, now: datetime = NOW) -> int:
        async with database.write() as session:
            return await facts.follow_time_data(session, now=now)

    async def old(self, database: Database, seen: datetime) -> None:
        async with database.write() as session:
            await session.execute(insert(F).values(id="time_data", value="tzdata 2001a", at=seen))
            await session.execute(insert(F).values(id="scheduler_seen", value="", at=seen))

    async def test_they_are_worked_out_anew(self, database: Database) -> None:
        task = await world.add_task(database)
        # As if Berlin's offset had been another when it was computed.
        wrong = await world.add_schedule(
            database,
            task,
            "0 9 * * *",
            timezone="Europe/Berlin",
            next_run_at=datetime.fromisoformat("2026-06-02T08:00Z"),
        )
        right = await world.add_schedule(
            database, task, "0 9 * * *", timezone="UTC", next_run_at=datetime.fromisoformat("2026-06-02T09:00Z")
        )
        await self.old(database, NOW)
        assert await self.follow(database) == 1
        assert (await world.schedule(database, wrong)).next_run_at == datetime.fromisoformat("2026-06-02T07:00Z")
        assert (await world.schedule(database, right)).next_run_at == datetime.fromisoformat("2026-06-02T09:00Z")
        assert await self.follow(database) == 0

    async def test_an_instant_that_lay_in_the_downtime_by_the_new_rules_is_not_lost(self, database: Database) -> None:
        task = await world.add_task(database)
        wrong = await world.add_schedule(
            database,
            task,
            "0 13 * * *",
            timezone="Europe/Berlin",
            next_run_at=datetime.fromisoformat("2026-06-01T13:00Z"),
        )
        await self.old(database, datetime.fromisoformat("2026-06-01T10:30Z"))
        assert await self.follow(database) == 1
        assert (await world.schedule(database, wrong)).next_run_at == datetime.fromisoformat("2026-06-01T11:00Z")

    async def test_what_is_due_stays_due_and_intervals_and_pauses_stay_as_they_are(self, database: Database) -> None:
        task = await world.add_task(database)
        due = await world.add_schedule(database, task, "0 9 * * *", next_run_at=after(-600))
        interval = await world.add_schedule(database, task, "1h", kind="interval", next_run_at=after(7))
        paused = await world.add_schedule(database, task, "0 9 * * *", next_run_at=None)
        await self.old(database, NOW)
        assert await self.follow(database) == 0
        found = [(await world.schedule(database, each)).next_run_at for each in (due, interval, paused)]
        assert found == [after(-600), after(7), None]

    async def test_the_first_start_only_notes_the_version(self, database: Database) -> None:
        task = await world.add_task(database)
        schedule = await world.add_schedule(database, task, "0 9 * * *", next_run_at=after(7))
        assert await self.follow(database) == 0
        async with database.write() as session:
            await session.execute(update(F).values(at=NOW))
        assert (await world.schedule(database, schedule)).next_run_at == after(7)
