"""Claims: each execution to one worker, the most urgent first, and cheap however long the queue is."""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from common.db.session import Database
from common.domain.states import Status
from common.queue import claims, enqueue
from common.queue.claims import Claim
from tests.support import world
from tests.support.interleave import on_servers
from tests.support.world import NOW, E, T, after

ROOT = Path(__file__).resolve().parents[2]
WORKERS, EXECUTIONS = 8, 1500


class Statements:
    """The statements of an engine, with their parameters, as they reach the driver."""

    def __init__(self, database: Database) -> None:
        self.seen: list[tuple[str, Any]] = []
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        self.seen.append((statement, parameters))

    def that_has(self, words: str) -> tuple[str, Any]:
        (found,) = [each for each in self.seen if words in " ".join(each[0].split())]
        return found


async def explain(database: Database, statement: str, parameters: Any) -> list[Any]:
    """How the database would run it, a line or row each."""
    async with database.engine.connect() as connection:
        return list(await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))


async def test_eight_processes_claim_fifteen_hundred_without_a_double_and_without_a_loss(
    database: Database, database_url: str
) -> None:
    ids = await world.add_executions(database, await world.add_task(database), EXECUTIONS)
    command = (sys.executable, "-W", "error", "-m", "tests.db.claimers", str(WORKERS))
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(database_url.encode())
    assert process.returncode == 0
    claimed = [line.split() for line in said.decode().splitlines()]
    times = Counter(int(id_) for _, id_, _ in claimed)
    assert {id_: count for id_, count in times.items() if count > 1} == {}
    assert sorted(times) == ids
    assert {token for _, _, token in claimed} == {"1"}
    assert len({worker for worker, _, _ in claimed}) > 1, "one worker took all: nothing was proven"
    owners = {str(row.id): (row.worker_id, row.status, row.token) for row in await world.executions(database)}
    assert owners == {id_: (worker, Status.RUNNING, 1) for worker, id_, _ in claimed}


class TestTheOrder:
    async def test_the_smaller_number_goes_first_then_the_earlier_then_the_older(self, database: Database) -> None:
        task = await world.add_task(database)
        wanted = {}
        for name, priority, seconds in [
            ("late", 50, 0),
            ("early", 50, -5),
            ("last", 90, -60),
            ("first", 0, 0),
            ("early too", 50, -5),
        ]:
            (wanted[name],) = await world.add_executions(database, task, priority=priority, available_at=after(seconds))
        claimed = [(await world.claim(database, limit=1))[0].id for _ in wanted]
        assert claimed == [wanted[name] for name in ("first", "early", "early too", "late", "last")]

    async def test_many_at_once_come_in_the_same_order(self, database: Database) -> None:
        task = await world.add_task(database)
        ids = [(await world.add_executions(database, task, priority=n))[0] for n in (3, 1, 2)]
        assert [claim.id for claim in await world.claim(database, limit=9)] == [ids[1], ids[2], ids[0]]

    async def test_what_is_not_available_yet_waits(self, database: Database) -> None:
        task = await world.add_task(database)
        await world.add_executions(database, task, available_at=after(0.001))
        (now,) = await world.add_executions(database, task, available_at=NOW)
        assert [claim.id for claim in await world.claim(database, limit=5)] == [now]
        async with database.read() as session:
            assert await claims.next_available(session, queues=["default"]) == after(0.001)
        assert len(await world.claim(database, limit=5, now=after(0.001))) == 1


class TestQueuesAndLimit:
    async def test_a_worker_takes_from_its_queues_only_the_first_named_first(self, database: Database) -> None:
        task = await world.add_task(database)
        ids = {name: (await world.add_executions(database, task, queue=name))[0] for name in ("a", "b", "c")}
        assert [claim.id for claim in await world.claim(database, limit=1, queues=["c", "a"])] == [ids["c"]]
        assert [claim.id for claim in await world.claim(database, limit=5, queues=["c", "a"])] == [ids["a"]]
        assert await world.claim(database, limit=5, queues=["c", "a"]) == []
        async with database.read() as session:
            assert await claims.next_available(session, queues=["c", "a"]) is None
            assert await claims.next_available(session, queues=["b"]) == NOW

    async def test_it_takes_no_more_than_it_asks_for_over_all_queues(self, database: Database) -> None:
        task = await world.add_task(database)
        for name in ("a", "b"):
            await world.add_executions(database, task, 3, queue=name)
        sizes = [len(await world.claim(database, limit=4, queues=["a", "b"])) for _ in range(3)]
        assert sizes == [4, 2, 0]


class TestWhatAClaimSays:
    async def test_it_has_all_that_running_needs(self, database: Database) -> None:
        spec = {"env": {"名": "值"}, "args": ["一"], "cwd": "/tmp"}
        values = {"timeout": 2.5, "retries": 3, "retry_delay": 0.5, "retry_backoff": 2.0}
        task = await world.add_task(database, command="echo 你好", spec=spec, delivery="at_least_once", **values)
        await world.add_executions(database, task, failures=2, token=4, run_id="r" * 32)
        expected = Claim(
            id=1,
            token=5,
            task_id=task,
            task_name="测试任务",
            kind="shell",
            command="echo 你好",
            spec=spec,
            trigger="manual",
            scheduled_for=NOW,
            run_id="r" * 32,
            failures=2,
            delivery="at_least_once",
            **values,  # type: ignore[arg-type]
        )
        assert await world.claim(database) == [expected]
        async with database.read() as session:
            assert await claims.load(session, [(1, 5), (1, 4), (9, 1)]) == {(1, 5): expected}

    async def test_the_row_forgets_the_attempt_before(self, database: Database) -> None:
        (id_,) = await world.add_executions(database, await world.add_task(database))
        await world.change(
            database, id_, stdout="old", stderr="old", exit_code=1, signal=9, error="old", pid=1, spawned=True
        )
        await world.change(database, id_, finished_at=NOW)
        await world.claim(database, now=after(3))
        row = await world.execution(database, id_)
        assert (row.stdout, row.stderr, row.exit_code, row.signal, row.error, row.pid) == (None,) * 6
        assert (row.spawned, row.finished_at, row.started_at) == (False, None, after(3))
        assert (row.lease_until, row.worker_id) == (after(63), "wei")


class TestSayingSoBeforeStarting:
    async def test_a_claim_says_that_it_may_start(self, database: Database) -> None:
        await world.add_executions(database, await world.add_task(database), 2)
        (first,) = await world.claim(database, spawned=True)
        (second,) = await world.claim(database, spawned=False)
        found = {row.id: row.spawned for row in await world.executions(database)}
        assert found == {first.id: True, second.id: False}

    async def test_only_what_is_still_ours_can_be_said_not_to_have_started(self, database: Database) -> None:
        await world.add_executions(database, await world.add_task(database), 3)
        mine = await world.claim(database, limit=2, spawned=True)
        (other,) = await world.claim(database, "zhang", spawned=True)
        await world.change(database, mine[1].id, status=Status.CANCELLED)
        keys = [*(claim.key for claim in mine), other.key, (mine[0].id, 99), (77, 1)]
        async with database.write() as session:
            await claims.unmark_spawned(session, worker_id="wei", keys=keys)
        assert [row.spawned for row in await world.executions(database)] == [False, True, True]


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_no_plan_of_an_empty_queue_is_kept_for_a_long_one(database: Database, database_url: str) -> None:
    claiming = "FROM pg_prepared_statements WHERE statement LIKE 'WITH due%'"
    kept = text(f"SELECT sum(generic_plans), sum(custom_plans) {claiming}")
    one = Database(database_url, pool_size=1)
    for _ in range(12):
        assert await world.claim(one) == []
    async with one.read() as session:
        assert (await session.execute(kept)).one() == (0, 12)
    await one.dispose()


class TestALongQueue:
    @pytest.fixture
    async def statements(self, database: Database) -> Statements:
        """Five thousand are queued, as many have ended, and the database knows it."""
        task = await world.add_task(database)
        async with database.write() as session:
            tasks = (await session.execute(T.select())).one()
            rows = [
                enqueue.row(
                    tasks,
                    key=f"m:{number}",
                    trigger="manual",
                    scheduled_for=NOW,
                    now=after(-number),
                    status=Status.QUEUED if number % 2 else Status.SUCCESS,
                    task_id=task,
                )
                | {"priority": number % 5}
                for number in range(10_000)
            ]
            for start in range(0, len(rows), 1000):
                await session.execute(insert(E), rows[start : start + 1000])
        if database.dialect != "sqlite":
            async with database.write() as session:
                await session.execute(
                    text({"postgresql": "ANALYZE", "mysql": "ANALYZE TABLE executions"}[database.dialect])
                )
        return Statements(database)

    async def test_a_claim_reads_the_index_and_sorts_nothing(self, database: Database, statements: Statements) -> None:
        assert len(await world.claim(database, limit=16)) == 16
        statement, parameters = statements.that_has("executions.available_at, executions.id LIMIT")
        assert "ORDER BY executions.priority, executions.available_at, executions.id" in " ".join(statement.split())
        if database.dialect == "sqlite":
            assert "FOR UPDATE" not in statement
            found = " ".join(str(row) for row in await explain(database, f"QUERY PLAN {statement}", parameters))
            assert "USING COVERING INDEX ix_executions_claim" in found
            assert "TEMP B-TREE" not in found
        elif database.dialect == "postgresql":
            assert "SKIP LOCKED" in statement
            found = "\n".join(row[0] for row in await explain(database, statement, parameters))
            assert "using ix_executions_claim" in found
            assert "Sort" not in found
        else:
            assert "SKIP LOCKED" in statement
            (row,) = await explain(database, statement, parameters)
            assert row.key == "ix_executions_claim"
            assert "filesort" not in row.Extra
            assert "temporary" not in row.Extra

    @on_servers
    async def test_a_claim_locks_no_more_than_it_takes(self, database: Database, elsewhere: Database) -> None:
        """A second worker gets the next of the order, though the first has not committed."""
        task = await world.add_task(database)
        ids = await world.add_executions(database, task, 1000)
        async with database.write() as session:
            first = await claims.claim(session, worker_id="wei", queues=["default"], limit=10, lease=60, now=NOW)
            second = await world.claim(elsewhere, "zhang", limit=10)
        assert [claim.id for claim in first] == ids[:10]
        assert [claim.id for claim in second] == ids[10:20]
