"""Pruning: what is deleted vanishes with all that hangs on it, limits are kept, what is active is never touched."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from common.db.models import Scheduler, UserSession, table_of
from common.db.session import Database
from common.domain.states import ACTIVE, FINAL, Status
from common.queue.finish import finish
from common.services import tasks
from scheduler.prune import Prune
from tests.support import world
from tests.support.world import NOW, A, E, P, S, StillClock, T, W, after


async def prune(database: Database, *, max_history: int = 100, retention_days: int = 90) -> None:
    """Tick until nothing is left to do."""
    pruner = Prune(database, StillClock(), max_history, retention_days)
    while await pruner.tick() == 0:
        pass


async def add_finished(database: Database, task: int, count: int = 1, **values: Any) -> list[int]:
    """Executions that ended a minute ago, each with an attempt and a piece of output."""
    given = {"status": Status.SUCCESS, "finished_at": after(-60)} | values
    ids = await world.add_executions(database, task, count, **given)
    async with database.write() as session:
        for id_ in ids:
            await session.execute(insert(A).values(execution_id=id_, token=1, status="success"))
            piece = {"execution_id": id_, "token": 1, "seq": 1, "stream": "o", "at": 0.0, "data": b"x"}
            await session.execute(insert(P).values(**piece))
    return ids


class SlowClock(StillClock):
    """Half a second has passed at each look."""

    def monotonic(self) -> float:
        self.seconds += 0.5
        return self.seconds


async def ids_of(database: Database, task: int) -> list[int]:
    return [row.id for row in await world.executions(database, task)]


async def count(database: Database, *tables: Any) -> list[int]:
    async with database.read() as session:
        return [(await session.execute(select(func.count()).select_from(table))).scalar_one() for table in tables]


async def test_where_deleting_takes_long_less_is_deleted_at_once_and_others_have_their_turn(database: Database) -> None:
    await add_finished(database, await world.add_task(database), 35, finished_at=after(-100 * 86_400))
    pruner = Prune(database, SlowClock(), 100, 90, _few=20)
    seen = []
    while (pause := await pruner.tick()) < 1:
        seen.append((pause, *await count(database, E)))
    assert seen == [(0.5, 15), (0.5, 5)]
    assert await count(database, E) == [0]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_what_is_old_is_found_by_when_it_ended(database: Database) -> None:
    """Without statistics SQLite read all executions by their state, to sort them, for each batch."""
    await add_finished(database, await world.add_task(database), 3, finished_at=after(-100 * 86_400))
    seen: list[tuple[str, Any]] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: seen.append(given[2:4]))
    await prune(database)
    statement, values = next(each for each in seen if "ORDER BY executions.finished_at" in each[0])
    async with database.engine.connect() as connection:
        rows: list[Any] = list(await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))
    plan = [row[3] for row in rows]
    assert len(plan) == 1, plan
    assert "ix_executions_finished" in plan[0]


class TestDeletedTasks:
    async def test_they_vanish_with_everything(self, database: Database) -> None:
        deleted, kept = await world.add_task(database), await world.add_task(database)
        for task in (deleted, kept):
            await world.add_schedule(database, task, next_run_at=after(60))
            await add_finished(database, task, 3)
        async with database.write() as session:
            await tasks.delete(session, deleted, by="li", now=NOW)
        await prune(database)
        assert await count(database, T, S, E, A, P) == [1, 1, 3, 3, 3]
        assert len(await ids_of(database, kept)) == 3

    async def test_they_stay_until_what_runs_has_ended(self, database: Database) -> None:
        task = await world.add_task(database)
        await world.add_executions(database, task, 2)
        mine = await world.claim_and_spawn(database)
        async with database.write() as session:
            await tasks.delete(session, task, by="li", now=NOW)
        await prune(database)
        assert await count(database, T, E) == [1, 2]
        async with database.write() as session:
            await finish(session, [world.result(mine, Status.CANCELLED)])
        await prune(database)
        assert await count(database, T, E, A) == [0, 0, 0]

    async def test_a_long_history_goes_in_batches(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scheduler.prune._BATCH", 3)
        monkeypatch.setattr("common.queue.history._BATCH", 3)
        task = await world.add_task(database, deleted_at=NOW)
        await add_finished(database, task, 7)
        pruner = Prune(database, StillClock(), 100, 90)
        assert await pruner.tick() == 0
        assert await count(database, T, E) == [1, 4]
        await prune(database)
        assert await count(database, T, E, A, P) == [0, 0, 0, 0]


class TestTheLimitOfATask:
    async def test_the_newest_are_kept(self, database: Database) -> None:
        task, other = await world.add_task(database, max_history=2), await world.add_task(database)
        ids = await add_finished(database, task, 5)
        await add_finished(database, other, 5)
        await prune(database, max_history=4)
        assert await ids_of(database, task) == ids[-2:]
        assert len(await ids_of(database, other)) == 4
        assert await count(database, A, P) == [6, 6]

    async def test_what_is_active_neither_counts_nor_goes(self, database: Database) -> None:
        task = await world.add_task(database, max_history=2)
        active = [(await world.add_executions(database, task, status=status))[0] for status in sorted(ACTIVE)]
        ids = await add_finished(database, task, 3)
        await prune(database)
        assert await ids_of(database, task) == active + ids[-2:]

    async def test_every_final_state_counts(self, database: Database) -> None:
        task = await world.add_task(database, max_history=1)
        for status in sorted(FINAL):
            await add_finished(database, task, status=status)
        await prune(database)
        assert len(await ids_of(database, task)) == 1

    async def test_a_limit_that_is_not_reached_keeps_all(self, database: Database) -> None:
        task = await world.add_task(database, max_history=5)
        ids = await add_finished(database, task, 5)
        await prune(database)
        assert await ids_of(database, task) == ids

    async def test_more_than_a_batch_goes_all_the_same(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.prune._BATCH", 3)
        monkeypatch.setattr("common.queue.history._BATCH", 3)
        task = await world.add_task(database, max_history=1)
        ids = await add_finished(database, task, 10)
        await prune(database)
        assert await ids_of(database, task) == ids[-1:]

    async def test_a_look_that_failed_is_made_again(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        task = await world.add_task(database, max_history=1)
        clock = StillClock()
        pruner = Prune(database, clock, 100, 90)
        await pruner.tick()
        ids = await add_finished(database, task, 2, finished_at=NOW)
        with monkeypatch.context() as broken:
            broken.setattr("scheduler.prune.history.delete_finished", None)
            with pytest.raises(TypeError):
                await pruner.tick()
        clock.move(3600)
        await pruner.tick()
        assert await ids_of(database, task) == ids[-1:]


class TestRetention:
    async def test_what_is_too_old_goes_and_what_is_active_stays(self, database: Database) -> None:
        task = await world.add_task(database)
        old = NOW - timedelta(days=30, seconds=1)
        for status in sorted(FINAL):
            await add_finished(database, task, status=status, finished_at=old)
        young = await add_finished(database, task, finished_at=NOW - timedelta(days=30))
        active = [
            (await world.add_executions(database, task, status=status, finished_at=old, created_at=old))[0]
            for status in sorted(ACTIVE)
        ]
        await prune(database, retention_days=30)
        assert await ids_of(database, task) == young + active
        assert await count(database, A, P) == [1, 1]

    async def test_more_than_a_batch_goes_all_the_same(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.prune._BATCH", 2)
        task = await world.add_task(database)
        await add_finished(database, task, 5, finished_at=NOW - timedelta(days=91))
        await prune(database)
        assert await ids_of(database, task) == []


async def test_processes_long_gone_and_sign_ins_that_are_over_are_forgotten(database: Database) -> None:
    week = timedelta(days=7)
    users, sessions = T.metadata.tables["users"], table_of(UserSession)
    async with database.write() as session:
        values = {"username": "li", "username_key": "li", "password_hash": "x", "role": "viewer", "is_active": True}
        await session.execute(insert(users).values(id=1, created_at=NOW, **values))
        for name, seen in (("gone", NOW - week - timedelta(seconds=1)), ("here", NOW - week)):
            session.add(Scheduler(id=name, host="h", pid=1, started_at=seen, heartbeat_at=seen))
        for name, ends in (("gone", after(-1)), ("here", after(1))):
            session.add(UserSession(id=name, user_id=1, refresh_hash="x", created_at=NOW, expires_at=ends))
    await world.add_worker(database, "here")
    await world.add_worker(database, "gone")
    async with database.write() as session:
        await session.execute(W.update().where(W.c.id == "gone").values(heartbeat_at=NOW - week - timedelta(seconds=1)))
    await prune(database)
    async with database.read() as session:
        for table in (table_of(Scheduler), W, sessions):
            assert list(await session.scalars(select(table.c.id))) == ["here"]
