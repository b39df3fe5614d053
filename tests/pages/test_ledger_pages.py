"""The fire ledger of a task, the question why, and what the task's own page says about now."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from api.formats import Locale
from common.db.models import Task, table_of
from common.queue.enqueue import fire_key
from common.services import facts
from tests.pages.conftest import NOW, Person

MINUTE = timedelta(minutes=1)
LAST = NOW.replace(second=0)


async def instant(person: Person, task: int, at: datetime, status: str, **values: object) -> int:
    return await person.execution(task, status, fire_key=fire_key(at), scheduled_for=at, **values)


async def yearly(person: Person, **values: object) -> int:
    """A task that has been there for two days, and does not come due while the test runs."""
    task = await person.task(cron="0 0 1 1 *", **values)
    async with person.database.write() as session:
        await session.execute(
            update(table_of(Task)).where(table_of(Task).c.id == task).values(created_at=NOW - timedelta(days=2))
        )
        await facts.beat(session, now=datetime.now(UTC))
    return task


async def test_every_instant_has_a_row_with_its_reason(alice: Person) -> None:
    task = await yearly(alice)
    assert "No instant has come yet" in await alice.get(f"/ui/tasks/{task}/ledger")
    late = LAST - 9 * MINUTE
    done = await instant(alice, task, late, "success", started_at=late + 3 * MINUTE, finished_at=late + 4 * MINUTE)
    await instant(alice, task, LAST - 8 * MINUTE, "skipped", reason="overlap", token=0, started_at=None)
    gap = LAST - 7 * MINUTE
    await instant(
        alice, task, gap, "missed", reason="bound", token=0, started_at=None, instants=4,
        scheduled_until=gap + 3 * MINUTE,
    )  # fmt: skip
    page = await alice.get(f"/ui/tasks/{task}/ledger")
    assert page.index("4 instants") < page.index("concurrency policy is to skip") < page.index("It ran 3 min late")
    assert f"{gap:%H:%M:%S} to " in page
    assert f'href="/ui/executions/{done}"' in page
    chinese = await alice.get(f"/ui/tasks/{task}/ledger", lang="zh-CN")
    assert "触发台账" in chinese
    assert "并发策略为跳过" in chinese


async def test_the_page_writes_instants_as_everywhere(alice: Person) -> None:
    task = await yearly(alice)
    again = NOW + timedelta(days=3)
    await alice.execution(task, "queued", token=1, available_at=again, started_at=None, finished_at=None)
    assert f"The next one starts at {Locale('en', NOW).stamp(again)}." in await alice.get(f"/ui/tasks/{task}")


async def test_rows_are_filtered_and_paged_by_the_url(alice: Person) -> None:
    task = await yearly(alice, timezone="Asia/Shanghai")
    for number in range(1, 54):
        await instant(alice, task, LAST - number * MINUTE, "failed" if number == 7 else "success")
    url = f"/ui/tasks/{task}/ledger"
    assert "1–50 of 53" in await alice.get(url)
    assert "51–53 of 53" in await alice.get(f"{url}?page=2")
    assert "1–1 of 1" in await alice.get(f"{url}?outcome=failed")
    begin, end = (LAST + timedelta(hours=8, minutes=-n) for n in (9, 5))  # as the page has them, in Shanghai
    some = await alice.get(f"{url}?since={begin:%Y-%m-%dT%H:%M}&until={end:%Y-%m-%dT%H:%M}")
    assert "1–5 of 5" in some
    assert "outcome=failed&amp;since=" in some or f"since={begin:%Y-%m-%d}" in some
    assert "No instant here" in await alice.get(f"{url}?outcome=missed")
    assert "1–50 of 53" in await alice.get(
        f"{url}?outcome=nonsense&since=soon&until=0001-01-01T00:00:00%2B14:00&page=-1"
    )


async def test_the_question_why_is_answered_in_the_schedules_zone(alice: Person) -> None:
    task = await yearly(alice, timezone="Asia/Shanghai")
    at = LAST - 5 * MINUTE
    run = await instant(alice, task, at, "failed", exit_code=2)
    url = f"/ui/tasks/{task}/ledger?at="
    page = await alice.get(f"{url}{at + timedelta(hours=8):%Y-%m-%dT%H:%M}")
    assert "It failed: exit code 2." in page
    assert f'<a href="/ui/executions/{run}">To the execution</a>' in page
    assert "names no run at" in await alice.get(f"{url}{at + timedelta(hours=8):%Y-%m-%dT%H:%M}:30")
    assert 'role="status">' not in (await alice.get(f"{url}whenever")).partition("toasts")[0]
    assert "执行失败" in await alice.get(f"{url}{at + timedelta(hours=8):%Y-%m-%dT%H:%M}", lang="zh-CN")


async def test_a_task_says_why_it_does_not_run_now_when_that_is_of_interest(alice: Person) -> None:
    task = await yearly(alice)
    page = await alice.get(f"/ui/tasks/{task}")
    assert "r-why" not in page
    assert f'href="/ui/tasks/{task}/ledger"' in page
    await alice.execution(task, "queued", token=0, started_at=None, finished_at=None)
    assert "No worker serves the queue" in await alice.get(f"/ui/tasks/{task}")
    paused = await yearly(alice, name="Other")
    await alice.post(f"/ui/tasks/{paused}/toggle", {"enabled": "false"})
    assert "alice paused it at" in await alice.get(f"/ui/tasks/{paused}")


async def test_a_ledger_of_no_task_is_not_found(victor: Person) -> None:
    await victor.get("/ui/tasks/4711/ledger", 404)
    task = await victor.task()
    assert "Fire ledger" in await victor.get(f"/ui/tasks/{task}/ledger")
