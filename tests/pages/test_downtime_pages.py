"""The downtime report, and running what was missed."""

import re
from datetime import timedelta

from common.db.models import SchedulerGap
from common.queue.enqueue import fire_key
from tests.pages.conftest import NOW, Person

HOUR = timedelta(hours=1)


async def gap(person: Person) -> tuple[int, int]:
    """A downtime of two hours with one missed and one made good."""
    async with person.database.write() as session:
        session.add(SchedulerGap(started_at=NOW - 3 * HOUR, ended_at=NOW - HOUR))
    task = await person.task(name="每日<报表>", cron="0 * * * *")
    due = NOW - 2 * HOUR
    missed = await person.execution(
        task, "missed", reason="superseded", fire_key=fire_key(due), scheduled_for=due, token=0, started_at=None
    )
    later = due + timedelta(minutes=20)
    good = await person.execution(task, "success", fire_key=fire_key(later), scheduled_for=later)
    return missed, good


async def test_without_a_downtime_the_page_says_so(victor: Person) -> None:
    assert "No downtime" in await victor.get("/ui/downtime")
    status = await victor.get("/ui/workers")
    assert 'href="/ui/downtime"' in status
    assert "What was due then" not in status


async def test_what_was_due_is_listed_and_what_was_missed_has_a_box(alice: Person) -> None:
    missed, good = await gap(alice)
    page = await alice.get("/ui/downtime?page=nonsense")
    assert "2 h 00 min" in page
    assert "每日&lt;报表&gt;" in page
    assert "A later instant ran in its place." in page
    assert re.findall(r'name="ids" value="(\d+)"', page) == [str(missed)]
    assert f'href="/ui/executions/{good}"' in page
    assert "What was due then" in await alice.get("/ui/workers")
    chinese = await alice.get("/ui/downtime", lang="zh-CN")
    assert "停机报告" in chinese
    assert "之后的一次代替了它" in chinese


async def test_the_chosen_ones_run_after_a_question(alice: Person) -> None:
    missed, good = await gap(alice)
    asked = await alice.post("/ui/downtime/run", {"ids": [missed]}, headers={"HX-Request": "true"})
    assert "Run 1 missed execution now?" in asked.text
    done = await alice.post("/ui/downtime/run", {"ids": [missed, good], "confirmed": "1"})
    assert done.headers["location"] == "/ui/downtime"
    told = await alice.get("/ui/downtime")
    assert "Queued 1 execution." in told
    assert f"Execution {good} was not missed" in told
    assert "Made up for, alice" in await alice.get("/ui/executions?status=queued")


async def test_choosing_nothing_runs_nothing(alice: Person) -> None:
    await gap(alice)
    assert (await alice.post("/ui/downtime/run", {"confirmed": "1"})).status_code == 303
    assert "Nothing is chosen." in await alice.get("/ui/downtime")


async def test_a_viewer_looks_and_runs_nothing(victor: Person) -> None:
    missed, _ = await gap(victor)
    page = await victor.get("/ui/downtime")
    assert "superseded" not in page
    assert 'name="ids"' not in page
    assert "Run the chosen ones now" not in page
    assert (await victor.post("/ui/downtime/run", {"ids": [missed], "confirmed": "1"})).status_code == 403
