"""The tabs of a task's page: its trend, its executions, its definition with versions, its audit log."""

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
