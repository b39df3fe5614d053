"""The list of executions, and one of them: the verdict in words, the output, the download."""

import re
from datetime import timedelta

import pytest

from api.formats import Locale
from tests.pages.conftest import NOW, Person


async def test_nothing_has_run_yet(alice: Person) -> None:
    assert "Nothing has run yet" in await alice.get("/ui/executions")


@pytest.mark.parametrize(
    ("values", "en", "zh"),
    [
        ({"status": "success", "exit_code": 0}, "Success in 3.1 s.", "成功，历时 3.1 秒。"),
        ({"status": "failed", "exit_code": 2}, "Failed with exit code 2 after 3.1 s.", "失败，退出码 2，历时 3.1 秒。"),
        ({"status": "failed", "signal": 9}, "Ended by signal 9 (SIGKILL) after 3.1 s.", "被信号 9 (SIGKILL) 结束"),
        ({"status": "timed_out"}, "Timed out after 3.1 s.", "超时，历时 3.1 秒。"),
        ({"status": "cancelled", "cancelled_by": "bob"}, "Stopped by bob after 3.1 s.", "由 bob 停止，历时 3.1 秒。"),
        ({"status": "cancelled", "started_at": None, "token": 0}, "Cancelled before it started.", "开始前已取消。"),
        ({"status": "skipped", "started_at": None, "reason": "paused"}, "Skipped: the task was paused.", "任务已暂停"),
        ({"status": "missed", "started_at": None, "token": 0}, "Missed.", "已错过"),
        ({"status": "lost"}, "Lost: the worker stopped answering while it ran.", "失联：工作节点 在运行途中停止响应。"),
    ],
)  # fmt: skip
async def test_the_first_line_says_what_came_of_it(alice: Person, values: dict[str, object], en: str, zh: str) -> None:
    task = await alice.task()
    execution = await alice.execution(task, **values)  # type: ignore[arg-type]
    assert en in await alice.get(f"/ui/executions/{execution}")
    assert zh in await alice.get(f"/ui/executions/{execution}", lang="zh-CN")
    assert f"#{execution}" in await alice.get("/ui/executions")


async def test_the_facts_say_the_day_once(alice: Person) -> None:
    due = (NOW - timedelta(days=2)).replace(hour=23, minute=59, second=0)
    begun, day, after = due + timedelta(milliseconds=77), Locale("en", NOW).date(due), due + timedelta(minutes=2)
    execution = await alice.execution(await alice.task(), scheduled_for=due, started_at=begun, finished_at=after)
    facts = (await alice.get(f"/ui/executions/{execution}")).split('id="ex-facts"')[1].split("</section>")[0]
    said = [f"{day} 23:59:00.000", "23:59:00.077", f"{Locale('en', NOW).date(after)} 00:01:00.000"]
    assert re.findall(r"<time[^>]*>(.*?)</time>", facts) == said
    assert '<span class="r-faint r-nowrap">77 ms late</span>' in facts


async def test_a_retry_says_which_attempt_it_was_and_when_the_next_one_comes(alice: Person) -> None:
    task = await alice.task(retries=2)
    execution = await alice.execution(
        task,
        "queued",
        token=2,
        finished_at=None,
        started_at=None,
        available_at=NOW + timedelta(hours=1),
        stderr="second\n",
    )
    ended = {"status": "failed", "exit_code": 2, "started_at": NOW, "finished_at": NOW + timedelta(seconds=3.1)}
    await alice.attempts(execution, [{**ended, "token": 1, "stderr": "first\n", "stdout": ""}, {**ended, "token": 2}])
    page = await alice.get(f"/ui/executions/{execution}")
    assert "Failed with exit code 2 after 3.1 s, attempt 2 of 3. Next try in " in page
    assert "second" in page
    assert "Stop retrying" in page
    assert "first" in await alice.get(f"/ui/executions/{execution}?attempt=1")
    assert (await alice.client.get(f"/ui/executions/{execution}/download?attempt=1")).text == "first\n"


async def test_output_is_searched_and_chosen_by_the_url(alice: Person) -> None:
    task = await alice.task()
    execution = await alice.execution(task, stdout="one\ntwo\n", stderr="three\n")
    page = await alice.get(f"/ui/executions/{execution}?stream=stdout&find=two")
    assert '<mark class="r-hit">two</mark>' in page
    assert "three" not in page
    assert "three" in await alice.get(f"/ui/executions/{execution}?stream=nonsense&from=-1&attempt=x")


async def test_the_download_is_the_output_and_never_a_page(alice: Person) -> None:
    task = await alice.task()
    execution = await alice.execution(task, stdout="<b>bold</b>\n", stderr="bad\n")
    answer = await alice.client.get(f"/ui/executions/{execution}/download")
    assert answer.text == "<b>bold</b>\nbad\n"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert (await alice.client.get(f"/ui/executions/{execution}/download?stream=stderr")).text == "bad\n"


async def test_a_running_one_refreshes_itself_and_a_finished_one_does_not(alice: Person) -> None:
    task = await alice.task()
    running = await alice.execution(task, "running", finished_at=None, lease_until=NOW + timedelta(minutes=5))
    page = await alice.get(f"/ui/executions/{running}")
    assert 'data-live="1"' in page
    assert "<noscript><meta http-equiv=" in page
    done = await alice.execution(task, "success", exit_code=0)
    assert "data-live" not in await alice.get(f"/ui/executions/{done}")


async def test_the_parts_of_a_running_one_come_without_the_page_around_them(alice: Person) -> None:
    task = await alice.task()
    running = await alice.execution(task, "running", finished_at=None)
    answer = await alice.client.get(f"/ui/executions/{running}", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    for part in ("ex-facts", "ex-log", "ex-history"):
        assert f'id="{part}" hx-swap-oob="true"' in answer.text


TREE = [
    {"pid": 40, "ppid": 1, "command": "/bin/sh -c sleep"},
    {"pid": 41, "ppid": 40, "command": "sleep <60>"},
    {"pid": 50, "ppid": 1, "command": "daemon"},
]


async def test_how_it_ended_is_shown_with_the_tree_and_what_is_left(alice: Person) -> None:
    task = await alice.task()
    execution = await alice.execution(task, "cancelled")
    signals = [{"signal": "SIGTERM", "processes": 3}, {"signal": "SIGKILL", "processes": 1}]
    proof = {"tree": TREE, "more": 2, "signals": signals, "left": 0}
    ended = {"status": "cancelled", "started_at": NOW, "finished_at": NOW}
    await alice.attempts(execution, [{**ended, "token": 1, "proof": proof}])
    page = await alice.get(f"/ui/executions/{execution}")
    assert "SIGTERM was sent to 3 processes. SIGKILL was sent to 1 process." in page
    assert "\u2514 sleep &lt;60&gt;" in page
    assert "and 2 more" in page
    assert "Looked again: no process of it is left." in page
    assert "没有残留进程" in await alice.get(f"/ui/executions/{execution}", lang="zh-CN")


async def test_nothing_is_said_of_the_end_where_all_had_gone(alice: Person) -> None:
    execution = await alice.execution(await alice.task())
    assert "How it ended" not in await alice.get(f"/ui/executions/{execution}")


async def test_stopping_what_does_not_end_at_once_says_so(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.executions.STOP_WAIT", 0)
    monkeypatch.setattr("api.pages.task_actions.STOP_WAIT", 0)
    task = await alice.task(name="Long")
    running = await alice.execution(task, "running", finished_at=None)
    for url in (f"/ui/executions/{running}", f"/ui/tasks/{task}"):
        assert "Stop Long?" in (await alice.post(f"{url}/stop")).text
        answer = await alice.post(f"{url}/stop", {"confirmed": "true"}, headers={"HX-Request": "true"})
        assert "Long is being stopped." in answer.headers["hx-trigger"]


async def test_the_list_is_filtered_by_state_and_task(alice: Person) -> None:
    task = await alice.task(name="Mine")
    other = await alice.task(name="Other")
    await alice.execution(task, "failed", exit_code=1)
    await alice.execution(other, "success", exit_code=0)
    failed = await alice.get("/ui/executions?status=failed")
    assert ("Mine" in failed, "Other" in failed) == (True, False)
    assert "Other" in await alice.get(f"/ui/executions?task={other}")
    assert "No execution like this" in await alice.get("/ui/executions?status=lost")


async def test_an_unknown_execution_is_a_page_that_says_so(alice: Person) -> None:
    assert "There is no execution 4711." in await alice.get("/ui/executions/4711", 404)
    await alice.get("/ui/executions/99999999999999999999", 422)


async def test_the_status_page_says_what_is_missing(alice: Person) -> None:
    page = await alice.get("/ui/workers")
    assert "no scheduler and no worker is at work" in page
    assert "SQLite" in page


async def test_how_far_it_is_and_what_came_of_it(alice: Person) -> None:
    task = await alice.task()
    progress = {"done": 300_000, "total": 1_000_000, "unit": "rows", "text": "<b>第一页", "at": NOW.timestamp() + 30}
    running = await alice.execution(
        task,
        "running",
        started_at=NOW,
        finished_at=None,
        report={"progress": progress, "result": {}, "warnings": ["<i>look"]},
    )
    page = await alice.get(f"/ui/executions/{running}")
    assert '<progress class="r-prog" max="100" value="30"' in page
    for text in (
        "300,000 of 1,000,000 rows",
        "&lt;b&gt;第一页",
        "10,000 rows/s",
        "about 1 min 10 s left",
        "&lt;i&gt;look",
    ):
        assert text in page
    assert "已完成" not in page
    assert "约剩 1 分 10 秒" in await alice.get(f"/ui/executions/{running}", lang="zh-CN")

    table = {"title": "1", "columns": ["id", "<name>"], "rows": [[1, None], ["9007199254740993", "<x>"]], "total": 7}
    script = [
        {"number": 1, "text": "SELECT <1>", "rows": 7, "seconds": 0.02},
        {"number": 2, "text": "DROP", "error": "no such <table>", "seconds": 0.01},
        {"number": 3, "text": "SELECT 3"},
    ]
    result = {"rows": 7, "size": 1_500_000, "transaction": "rolled back", "script": script, "tables": [table], "x": [1]}
    ended = await alice.execution(task, "success", report={"progress": progress, "result": result, "warnings": []})
    page = await alice.get(f"/ui/executions/{ended}")
    assert "<progress" not in page
    for text in ("1.5 MB", "rolled back", "SELECT &lt;1&gt;", "no such &lt;table&gt;", "the first 2 of 7 rows"):
        assert text in page
    for text in ("&lt;name&gt;", "&lt;x&gt;", '<span class="r-null">NULL</span>', '<td class="r-num">1</td>'):
        assert text in page
    assert 'id="ex-report"' in await alice.get(f"/ui/executions/{await alice.execution(task)}")
