"""The tabs of a task's page: its trend, its executions, its definition with versions, its audit log."""

import json
import re
from datetime import timedelta

from tests.pages.conftest import NOW, Person


async def change(person: Person, task: int, **fields: object) -> None:
    answer = await person.client.patch(f"/tasks/{task}", json=fields, headers={"X-CSRF-Token": await person.token()})
    assert answer.status_code == 200, answer.text


async def test_every_tab_has_the_head_and_says_which_it_is(alice: Person) -> None:
    task = await alice.task(name="Tabbed", cron="0 2 * * *")
    for path, name in (
        ("", "Overview"),
        ("/executions", "Executions"),
        ("/trend", "Trend"),
        ("/ledger", "Fire ledger"),
        ("/audit", "Audit log"),
    ):
        page = await alice.get(f"/ui/tasks/{task}{path}")
        assert f'aria-current="page">{name}</a>' in page, path
        assert "Run now" in page


async def test_the_overview_shows_the_trend_and_the_last_lines_of_failures(alice: Person) -> None:
    task = await alice.task(timeout=10)
    for seconds in (3, 4, 3, 4):
        await alice.execution(
            task, "success", exit_code=0, finished_at=NOW + timedelta(seconds=seconds), peak_memory=2_000_000
        )
    bad = await alice.execution(task, "failed", exit_code=2, stderr="\x1b[31mno such table\x1b[0m: orders\n")
    page = await alice.get(f"/ui/tasks/{task}")
    assert page.count("<title>Success, ") == 4
    assert 'class="band"' in page
    assert 'class="limit"' in page
    assert "no such table: orders" in page
    assert f'href="/ui/executions/{bad}"' in page
    memory = await alice.get(f"/ui/tasks/{task}?metric=memory")
    assert ">2.0 MB</text>" in memory
    assert "The last 5 runs" in await alice.get(f"/ui/tasks/{task}?metric=nonsense")


async def test_dates_stand_under_the_bars_they_belong_to(alice: Person) -> None:
    task = await alice.task()
    dates = re.compile(r'<text class="t[^"]*" x="([0-9.]+)%" y="\d+" text-anchor="(\w+)">\d+ \w+')
    for day in range(3):
        await alice.execution(task, scheduled_for=NOW + timedelta(days=day))
    assert dates.findall(await alice.get(f"/ui/tasks/{task}")) == [("100.00", "end")]
    for day in range(3, 12):
        await alice.execution(task, scheduled_for=NOW + timedelta(days=day))
    places = dates.findall(await alice.get(f"/ui/tasks/{task}"))
    assert places == [("40.00", "start"), ("72.50", "middle"), ("100.00", "end")]


async def test_all_runs_are_drawn_over_time_and_told_by_day(alice: Person) -> None:
    task = await alice.task(name="每小时", cron="0 * * * *", timezone="Asia/Shanghai", timeout=60)
    assert "Has not run yet" in await alice.get(f"/ui/tasks/{task}/trend")
    at = NOW.replace(hour=17, minute=0) - timedelta(days=3)
    # 16:00 UTC is midnight in Shanghai: two runs on the newer day, which comes first.
    for hours, seconds, status in ((-2, 4, "success"), (-1, 6, "failed"), (0, 9, "success")):
        begun = at + timedelta(hours=hours)
        await alice.execution(
            task, status, started_at=begun, finished_at=begun + timedelta(seconds=seconds), peak_memory=seconds * 10**6
        )
    await alice.execution(task, "skipped", started_at=None, finished_at=at)
    page = await alice.get(f"/ui/tasks/{task}/trend")
    assert f'data-chart="/ui/tasks/{task}/trend/data"' in page
    chart = json.loads(await alice.get(f"/ui/tasks/{task}/trend/data"))
    assert chart["value"] == [4, 6, 9]
    assert chart["outcome"] == ["success", "failed", "success"]
    assert chart["time"] == sorted(chart["time"])
    assert chart["limit"] == 60
    assert 'data-zone="Asia/Shanghai"' in page
    assert "Usually 6.0 s, at most 9.0 s." in page
    assert page.count("<title>Success, ") == 2, "without a script there are bars"
    rows = [re.sub("<[^>]+>", " ", row).split() for row in re.findall(r"<tr><td class=\"r-nowrap\">.*?</tr>", page)]
    assert [row[-len(rest) :] for row, rest in zip(rows, (ROW_NEW, ROW_OLD), strict=True)] == [ROW_NEW, ROW_OLD]
    memory = await alice.get(f"/ui/tasks/{task}/trend?metric=memory", lang="zh-CN")
    assert "通常为 6.0 MB，最大为 9.0 MB。" in memory
    data = json.loads(await alice.get(f"/ui/tasks/{task}/trend/data?metric=memory", lang="zh-CN"))
    assert (data["value"], data["words"]["s"]) == ([4e6, 6e6, 9e6], "{n} 秒")
    await alice.get("/ui/tasks/4711/trend/data", 404)


ROW_NEW, ROW_OLD = ["2", "1", "7.5", "s", "9.0", "s"], ["1", "–", "4.0", "s", "4.0", "s"]


async def test_the_definition_shows_what_a_version_changed_and_leads_back(alice: Person) -> None:
    task = await alice.task(name="Changes", command="echo <one>\necho two", cron="0 2 * * *")
    url = f"/ui/tasks/{task}"
    assert "First version" in await alice.get(f"{url}/definition")
    await change(alice, task, command="echo <one>\necho three", timeout=90)
    page = await alice.get(f"{url}/definition")
    assert "v1 to v2" in page
    assert '<div class="d-gone">' in page
    assert "echo &lt;one&gt;" in page
    assert "<del>none</del> <ins>1 min 30 s</ins>" in page
    assert "v1 到 v2" in await alice.get(f"{url}/definition", lang="zh-CN")
    first = await alice.get(f"{url}/definition?version=1")
    assert "not in force" in first
    assert "Go back to version 1 of Changes?" in (await alice.post(f"{url}/versions/1/restore")).text
    await alice.post(f"{url}/versions/1/restore", {"confirmed": "true"})
    assert "v2 to v3" in await alice.get(f"{url}/definition")
    await alice.get(f"{url}/definition?version=77", 404)


async def test_a_bad_run_says_what_changed_since_it_last_worked(alice: Person) -> None:
    task = await alice.task(command="true")
    good = await alice.execution(task, "success", exit_code=0, version=1)
    await change(alice, task, command="false", env={"A": "1"})
    bad = await alice.execution(task, "failed", exit_code=1, version=2)
    page = await alice.get(f"/ui/executions/{bad}")
    assert "First failure after 1 success." in page
    assert f'href="/ui/executions/{good}"' in page
    assert "v1 to v2" in page
    assert "<del>true</del> <ins>false</ins>" in page
    assert "$A" in page
    again = await alice.execution(task, "failed", exit_code=1, version=2)
    assert "It had failed 1 time in a row before." in await alice.get(f"/ui/executions/{again}")
    assert "What changed" not in await alice.get(f"/ui/executions/{good}")


async def test_the_audit_tab_tells_of_this_task_alone(alice: Person) -> None:
    task, other = await alice.task(name="Mine"), await alice.task(name="Other")
    await alice.post(f"/ui/tasks/{other}/toggle", {"enabled": "false"})
    await alice.post(f"/ui/tasks/{task}/toggle", {"enabled": "false"})
    page = await alice.get(f"/ui/tasks/{task}/audit")
    assert page.count('<td class="c-when') == 2  # it was created and paused
    assert "127.0.0.1" not in page


async def test_the_form_has_the_code_editor_and_a_policy_that_lets_it_make_its_style(alice: Person) -> None:
    answer = await alice.client.get("/ui/tasks/create")
    nonce = answer.text.partition('name="csp-nonce" content="')[2].partition('"')[0]
    assert len(nonce) > 20
    assert f"style-src 'self' 'nonce-{nonce}'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert nonce not in (await alice.client.get("/ui/tasks/create")).text
    other = await alice.client.get("/ui/tasks")
    assert "codemirror" not in other.text
    assert "nonce" not in other.headers["content-security-policy"]


async def test_variables_are_given_and_taken_in_the_form(alice: Person) -> None:
    token = {"X-CSRF-Token": await alice.token()}
    body = {"name": "DB_HOST", "value": "db.example", "secret": False}
    assert (await alice.client.post("/variables", json=body, headers=token)).status_code == 201
    assert 'name="variables" value="DB_HOST">' in await alice.get("/ui/tasks/create")
    form = {"name": "With it", "command": "true", "schedule": "manual", "variables": "DB_HOST"}
    await alice.post("/ui/tasks/create", form)
    task = (await alice.client.get("/tasks")).json()["items"][0]
    assert task["variables"] == ["DB_HOST"]
    assert 'value="DB_HOST" checked>' in await alice.get(f"/ui/tasks/{task['id']}/edit")
    form.pop("variables")
    await alice.post(f"/ui/tasks/{task['id']}/update", form)
    assert (await alice.client.get(f"/tasks/{task['id']}")).json()["variables"] == []
