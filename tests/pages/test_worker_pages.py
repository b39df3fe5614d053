"""Workers and queues as pages and over the API: how busy, why it waits, draining."""

from datetime import timedelta
from typing import Any

from common.db.session import Database
from tests.pages.conftest import NOW, Person, just_now
from tests.support.world import add_worker


async def test_a_worker_shows_how_busy_it_is_and_what_it_runs(alice: Person, database: Database) -> None:
    values: dict[str, Any] = {"cpu_percent": 12.4, "memory_used": 4_000_000_000, "memory_total": 16_000_000_000}
    await add_worker(database, name="worker-1", heartbeat_at=just_now(), queues=["default"], slots=4, **values)
    await add_worker(database, "gone", name="worker-2", heartbeat_at=NOW - timedelta(minutes=9), queues=["default"])
    task = await alice.task(name="Long one")
    await alice.execution(
        task, "running", started_at=NOW - timedelta(seconds=75), finished_at=None, worker_id="wei", pid=7
    )
    page = await alice.get("/ui/workers")
    for text in ("1 of 4", "12 %", "4.0 GB of 16 GB", "Long one", "At work", "Silent", "Drain"):
        assert text in page, text
    assert (await alice.client.get("/ui/status")).headers["location"] == "/ui/workers"


async def test_a_worker_is_drained_resumed_and_removed(alice: Person, database: Database) -> None:
    await add_worker(database, name="worker-1", heartbeat_at=just_now())
    await add_worker(database, "gone", name="worker-2", heartbeat_at=NOW - timedelta(minutes=9))
    assert "Drain worker-1?" in (await alice.post("/ui/workers/wei/drain")).text
    assert (await alice.post("/ui/workers/wei/drain", {"confirmed": "1"})).status_code == 303
    page = await alice.get("/ui/workers")
    assert "it takes nothing more, asked by alice" in page
    await alice.post("/ui/workers/wei/resume")
    assert "asked by" not in await alice.get("/ui/workers")
    await alice.post("/ui/workers/gone/forget")
    assert "worker-2 is removed." in await alice.get("/ui/workers")
    assert "worker-2" not in await alice.get("/ui/workers")
    log = await alice.get("/ui/audit")
    assert "Asked a worker to take nothing more" in log


async def test_a_viewer_looks_only(victor: Person, database: Database) -> None:
    await add_worker(database, name="worker-1", heartbeat_at=just_now())
    assert "/drain" not in await victor.get("/ui/workers")
    assert (await victor.post("/ui/workers/wei/drain", {"confirmed": "1"})).status_code == 403


async def test_the_page_of_queues_says_why_it_waits(alice: Person, database: Database) -> None:
    assert "No queue yet" in await alice.get("/ui/queues")
    task = await alice.task(name="Train", queue="gpu")
    await alice.execution(task, "queued", queue="gpu", started_at=None, finished_at=None, token=0)
    page = await alice.get("/ui/queues")
    assert "1 queue is stuck: gpu." in page
    assert "Start one with ROTA_QUEUES=gpu." in page
    await add_worker(database, name="worker-1", heartbeat_at=just_now(), queues=["gpu"], slots=1, running=1)
    page = await alice.get("/ui/queues")
    assert "All slots are taken" in page
    assert "for a slot, the next in line" in page
    assert "队列" in await alice.get("/ui/queues", lang="zh-CN")
