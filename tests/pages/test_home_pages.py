"""The home page answers in its first line; the palette finds; open windows are told of changes."""

import asyncio
import json
import re
from datetime import timedelta

from api.live import MOST_STREAMS, Live
from api.plots import Column, columns, nice
from common.db.session import Database
from common.db.wakeup import Topic, notify
from tests.pages.conftest import NOW, Person, just_now
from tests.support.eventually import eventually
from tests.support.world import add_worker


async def test_a_fresh_installation_shows_what_to_do_first(alice: Person) -> None:
    page = await alice.get("/ui/home")
    assert "no scheduler and no worker is at work" in page
    assert page.count("Start from this") == 3
    assert "Runs per hour" not in page
    assert page.count("Add this task") == 3
    done = await alice.post("/ui/home/examples/0")
    assert done.headers["location"].startswith("/ui/tasks/")
    assert "Say hello" in await alice.get(done.headers["location"])
    assert "Say hello" in await alice.get("/ui/home")
    assert (await alice.post("/ui/home/examples/7")).status_code == 404


async def test_the_first_line_is_the_answer(alice: Person, database: Database) -> None:
    task = await alice.task(name="Nightly export", cron="0 2 * * *")
    slow = await alice.task(name="Slow one", cron=None)
    for _ in range(3):
        await alice.execution(task, finished_at=NOW - timedelta(minutes=9))
    await alice.execution(task, "failed", exit_code=2, finished_at=NOW - timedelta(minutes=5))
    begun = NOW - timedelta(seconds=90)
    await alice.execution(slow, "running", started_at=begun, finished_at=None, worker_id="wei")
    await add_worker(database, heartbeat_at=just_now(), name="worker-1", queues=["default", "reports"], slots=4)
    page = await alice.get("/ui/home")
    assert "No scheduler is at work" in page
    assert "Failed with exit code 2" in page
    assert "First failure after 3 successes." in page
    assert "Slow one" in page
    assert "1 of 4 slots" in page
    assert "idle, served by worker-1" in page
    for name in ("7d", "30d"):  # what is of today is not yet there just after midnight
        page = await alice.get(f"/ui/home?range={name}")
        assert "Success 3" in page
        assert "Runs per" in page
    assert "首页" in await alice.get("/ui/home", lang="zh-CN")


async def test_the_number_beside_home_is_what_needs_somebody(alice: Person) -> None:
    task = await alice.task()
    await alice.execution(task, "failed", exit_code=1)
    told = (await alice.client.get("/ui/events")).text
    counts = json.loads(re.search(r"data: (.*)", told)[1])  # type: ignore[index]
    assert counts["needs"] == {"text": "1", "shown": True, "said": "1 thing needs you"}
    assert counts["tasks"]["text"] == "1"


async def test_the_palette_finds_tasks_pages_and_things_to_do(alice: Person) -> None:
    task = await alice.task(name="Nightly export")
    await alice.execution(task, "failed", exit_code=1)
    found = await alice.get("/ui/palette?q=nightly")
    assert f'href="/ui/tasks/{task}"' in found
    assert f'action="/ui/tasks/{task}/run"' in found
    assert "Failed" in found
    assert "Calendars" in await alice.get("/ui/palette?q=calen")
    assert "New task" in await alice.get("/ui/palette")
    assert "Nothing matches" in await alice.get("/ui/palette?q=%3Cscript%3E")


async def test_a_viewer_finds_nothing_to_do_and_no_page_of_administrators(victor: Person) -> None:
    found = await victor.get("/ui/palette")
    assert "New task" not in found
    assert "Audit log" not in found
    assert "Tasks" in found


async def test_windows_are_told_of_changes_until_they_are_too_many(database: Database) -> None:
    live = Live(database)
    heard: list[set[Topic]] = []

    async def listen() -> None:
        async for topics in live.topics(1):
            heard.extend([topics])

    listeners = [asyncio.create_task(listen()) for _ in range(MOST_STREAMS)]

    def opened() -> None:
        assert len(heard) >= MOST_STREAMS

    async def all_told() -> None:
        # Again and again: the first one may come before anybody listens to the database.
        async with database.write() as session:
            await notify(session, Topic.ENDED)
        assert sum(Topic.ENDED in topics for topics in heard) >= MOST_STREAMS

    await eventually(opened)
    assert live.is_full(1)
    assert not live.is_full(2)
    await eventually(all_told, interval=0.2)
    live.close()
    await asyncio.wait_for(asyncio.gather(*listeners), 60)
    assert not live.is_full(1)


def test_columns_stand_on_the_line_and_trouble_hangs_below() -> None:
    plot = columns(
        [Column("02:00, 9 runs", {"success": 9, "failed": 40}, url="/x"), Column("later", {}, 4)], [], "Runs"
    )
    assert plot.svg.count('class="m o-failed"') == 3, "marks of one hour are at most three"
    assert plot.svg.count('class="b o-success"') == 1
    assert plot.svg.count('class="b next"') == 1
    assert '<a href="/x"><title>02:00, 9 runs</title>' in plot.svg
    assert [nice(value) for value in (0, 3, 7, 11, 99, 101)] == [2, 4, 10, 20, 100, 200]
