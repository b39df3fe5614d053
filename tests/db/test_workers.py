"""Draining a worker from outside, and why what waits in a queue waits; on every engine."""

from datetime import timedelta

import pytest

from common.db.session import Database
from common.domain.permissions import VIEWER, Actor
from common.errors import Conflict, NotFound
from common.queue import leases
from common.services import queues, status, workers
from tests.support.world import NOW, E, add_executions, add_task, add_worker, after


async def draining(database: Database) -> bool:
    async with database.read() as session:
        return bool((await status.processes(session, now=NOW)).workers[0].draining)


async def test_a_worker_that_was_asked_to_drain_drains_until_it_is_resumed(database: Database) -> None:
    await add_worker(database, "wei", queues=["default"], generation=3)
    async with database.write() as session:
        assert await workers.drain(session, "wei", by="alice", now=NOW) == "wei"
    async with database.write() as session:
        # What the worker itself says at its next sign of life does not undo it.
        await leases.renew(session, worker_id="wei", generation=3, lease=60, now=NOW, draining=False, running=1)
        assert await leases.asked_to_drain(session, worker_id="wei")
    assert await draining(database)
    async with database.read() as session:
        assert not (await status.processes(session, now=NOW)).serving("default")
    async with database.write() as session:
        await workers.resume(session, "wei", now=NOW)
        await leases.renew(session, worker_id="wei", generation=3, lease=60, now=NOW, draining=False)
    assert not await draining(database)
    async with database.write() as session:
        await leases.renew(session, worker_id="wei", generation=3, lease=60, now=NOW, draining=True)
    assert await draining(database), "it drains by itself when it stops"


async def test_a_worker_is_removed_when_it_is_gone(database: Database) -> None:
    await add_worker(database, "wei", heartbeat_at=after(-120))
    task = await add_task(database)
    (held,) = await add_executions(database, task, status="running", worker_id="wei", token=1, started_at=NOW)
    async with database.write() as session:
        with pytest.raises(Conflict, match="still has executions"):
            await workers.forget(session, "wei", now=NOW)
        with pytest.raises(Conflict, match="is at work"):
            await workers.forget(session, "wei", now=NOW - timedelta(seconds=119))
        assert [row.id for row in (await workers.running(session, ["wei"]))["wei"]] == [held]
    async with database.on_behalf_of(Actor(4711, "victor", VIEWER)).read() as session:
        assert await workers.running(session, ["wei"]) == {"wei": []}
    async with database.write() as session:
        await session.execute(E.update().values(status="lost"))
        await workers.forget(session, "wei", now=NOW)
        with pytest.raises(NotFound):
            await workers.drain(session, "wei", by="alice", now=NOW)


async def test_a_queue_says_why_what_is_in_it_waits(database: Database) -> None:
    await add_worker(database, "wei", name="worker-1", queues=["default", "old"], slots=1)
    await add_worker(database, "chen", name="worker-2", queues=["old"], draining=True)
    busy = await add_task(database, name="busy")
    await add_executions(database, busy, status="running", worker_id="wei", token=1, started_at=NOW)
    await add_executions(database, busy, 2, available_at=after(-30))
    await add_executions(database, busy, available_at=after(60), token=1)
    await add_executions(database, busy, status="waiting")
    await add_executions(database, await add_task(database, queue="gpu"), queue="gpu")
    async with database.read() as session:
        found = {each.name: each for each in await queues.all_of(session, now=NOW)}
    assert list(found) == ["default", "gpu", "old"]
    default = found["default"]
    assert (default.running, default.queued, default.waiting, default.busy, default.slots) == (1, 3, 1, 1, 1)
    assert [(item.code, item.before) for item in default.items] == [
        ("slot", 0),
        ("slot", 1),
        ("retry", 2),
        ("upstream", 2),
    ]
    assert (found["gpu"].code, found["gpu"].workers, found["old"].code) == ("no_worker", [], "")
    assert [row.name for row in found["old"].workers] == ["worker-1", "worker-2"]
    async with database.on_behalf_of(Actor(4711, "victor", VIEWER)).read() as session:
        hidden = await queues.all_of(session, now=NOW)
    assert [(each.name, each.running, each.queued, each.items) for each in hidden] == [
        ("default", 0, 0, []),
        ("old", 0, 0, []),
    ]
