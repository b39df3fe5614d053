"""The task list, a task's page, its form and what one can do to it."""

import json
import re
from typing import Any

import pytest

from common.domain.states import TaskState
from common.queries.tasks import TaskQuery, counted
from common.services import tasks
from tests.pages.conftest import Person
from tests.support.forms import fields

FORM = {
    "name": "测试任务",
    "command": "echo hello",
    "schedule": "cron",
    "cron": "*/5 * * * *",
    "timezone": "Asia/Shanghai",
    "enabled": "true",
}
CANARY = '"><script>alert(1)</script>'


async def test_nothing_yet_says_how_to_begin(alice: Person) -> None:
    page = await alice.get("/ui/tasks")
    assert "Nothing is scheduled yet." in page
    assert "/ui/tasks/create?name=Say+hello" in page


async def test_a_task_is_created_and_shown(alice: Person) -> None:
    answer = await alice.post("/ui/tasks/create", {**FORM, "tags": "finance，夜间", "env_name": "A", "env_value": "1"})
    assert answer.status_code == 303
    page = await alice.get(answer.headers["location"])
    assert "测试任务 is created." in page
    assert "Every 5 minutes" in page
    assert "夜间" in page
    listed = await alice.get("/ui/tasks")
    assert "测试任务" in listed
    assert "is created" not in listed, "a flash is shown once"


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"name": " "}, "name", "Must not be empty."),
        ({"name": "x" * 300}, "name", "Must not be longer than 200 characters."),
        ({"command": "  "}, "command", "Write what the shell is to run"),
        ({"cron": ""}, "cron", "Write when it runs"),
        ({"cron": "99 * * * *"}, "cron", "minute"),
        ({"timezone": "Asia/Beijing"}, "timezone", "Asia/Shanghai"),
        ({"schedule": "interval", "every": "0", "unit": "s"}, "every", "shortest interval"),
        ({"schedule": "once", "at": ""}, "at", "Choose a date"),
        ({"schedule": "once", "at": "2001-01-01T00:00"}, "at", "in the past"),
        ({"timeout": "-1"}, "timeout", "Must be greater than 0"),
        ({"retries": "many"}, "retries", "Must be a whole number."),
        ({"args": "'open"}, "args", "A quote is not closed."),
        ({"cwd": "relative"}, "cwd", "absolute path"),
        ({"env_name": "2FAST", "env_value": "1"}, "env", "2FAST"),
    ],
)
async def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    alice: Person, change: dict[str, str], field: str, message: str
) -> None:
    answer = await alice.post("/ui/tasks/create", {**FORM, "description": "kept as typed", **change})
    assert answer.status_code == 422
    note = re.search(rf'<div class="invalid-feedback" id="n-{field}">(.*?)</div>', answer.text)
    assert note, answer.text
    assert message in note[1]
    assert "kept as typed" in answer.text
    assert "Nothing is scheduled yet." in await alice.get("/ui/tasks"), "a half of it was stored"


async def test_a_task_is_changed_by_its_form(alice: Person) -> None:
    task = await alice.task(env={"A": "1"}, args=["a b"], timeout=30, retries=2)
    form = await alice.get(f"/ui/tasks/{task}/edit")
    for part in ('value="*/5 * * * *"', "&#39;a b&#39;", 'value="30"', 'value="A"'):
        assert part in form
    answer = await alice.post(
        f"/ui/tasks/{task}/update", {**FORM, "name": "Renamed", "schedule": "interval", "every": "15", "unit": "m"}
    )
    assert answer.headers["location"] == f"/ui/tasks/{task}"
    page = await alice.get(f"/ui/tasks/{task}")
    assert "Renamed" in page
    assert "Every 15 minutes" in page


async def test_a_change_that_is_refused_changes_nothing(alice: Person) -> None:
    task = await alice.task()
    answer = await alice.post(f"/ui/tasks/{task}/update", {**FORM, "name": "Renamed", "cron": "0 0 30 2 *"})
    assert answer.status_code == 422
    assert "Renamed" in answer.text
    assert "Renamed" not in await alice.get("/ui/tasks")


async def test_schedules_the_form_cannot_show_stay_as_they_are(alice: Person) -> None:
    several = [{"kind": "cron", "expr": "0 1 * * *"}, {"kind": "cron", "expr": "0 2 * * *"}]
    task = await alice.task(cron=None, schedules=several)
    assert 'value="keep" checked' in await alice.get(f"/ui/tasks/{task}/edit")
    await alice.post(f"/ui/tasks/{task}/update", {**FORM, "schedule": "keep", "cron": ""})
    async with alice.database.read() as session:
        assert len((await tasks.view(session, task)).schedules) == 2


async def test_the_list_is_searched_filtered_and_paged_by_its_url(alice: Person) -> None:
    for number in range(53):
        await alice.task(name=f"Task {number:02d}", tags=["odd"] if number % 2 else [], command=f"echo {number}")
    first = await alice.get("/ui/tasks?sort=name")
    assert "1–50 of 53" in first
    assert "/ui/tasks?sort=name&amp;page=2" in first
    assert "51–53 of 53" in await alice.get("/ui/tasks?sort=name&page=2")
    assert "1–1 of 1" in await alice.get("/ui/tasks?q=task 07")
    assert "1–26 of 26" in await alice.get("/ui/tasks?tag=odd")
    assert "No task matches “zzz”" in await alice.get("/ui/tasks?q=zzz")
    assert "1–50 of 53" in await alice.get("/ui/tasks?status=nonsense&page=-3&sort=password")


async def test_htmx_is_given_the_parts_it_swaps(alice: Person) -> None:
    await alice.task()
    answer = await alice.client.get("/ui/tasks", headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert 'id="list"' in answer.text
    assert 'id="chips" hx-swap-oob="true"' in answer.text
    assert "HX-Request" in answer.headers["vary"]


async def test_running_asks_first_and_leads_to_the_execution(alice: Person) -> None:
    task = await alice.task()
    asked = await alice.post(f"/ui/tasks/{task}/run")
    assert "Run 测试任务 now?" in asked.text
    done = await alice.post(f"/ui/tasks/{task}/run", {"confirmed": "1"})
    assert re.fullmatch(r"/ui/executions/\d+", done.headers["location"])
    assert "Queued. It starts as soon as a worker is free." in await alice.get(done.headers["location"])


async def test_the_question_is_a_fragment_for_htmx(alice: Person) -> None:
    task = await alice.task()
    asked = await alice.post(f"/ui/tasks/{task}/delete", headers={"HX-Request": "true"})
    assert "<html" not in asked.text
    assert "Delete 测试任务?" in asked.text
    assert 'hx-post="/ui/tasks/' in asked.text


async def test_deleting_leads_back_to_the_list(alice: Person) -> None:
    task = await alice.task()
    done = await alice.post(f"/ui/tasks/{task}/delete", {"confirmed": "1"})
    assert done.headers["location"] == "/ui/tasks"
    await alice.get(f"/ui/tasks/{task}", 404)


async def test_pausing_answers_htmx_with_a_toast_and_a_refresh(alice: Person) -> None:
    task = await alice.task()
    done = await alice.post(f"/ui/tasks/{task}/toggle", {"enabled": "false"}, headers={"HX-Request": "true"})
    assert done.status_code == 204
    told = json.loads(done.headers["hx-trigger"])
    assert told["rota:toast"]["text"] == "测试任务 is paused."
    assert "rota:refresh" in told
    assert 'aria-checked="false"' in await alice.get("/ui/tasks")


async def test_the_same_switch_twice_is_the_same(alice: Person) -> None:
    task = await alice.task()
    for _ in range(2):
        await alice.post(f"/ui/tasks/{task}/toggle", {"enabled": "false"})
    assert 'aria-checked="false"' in await alice.get(f"/ui/tasks/{task}")


async def test_bulk_actions_tell_what_became_of_each(alice: Person) -> None:
    ids = [await alice.task(name=f"Task {number}") for number in range(3)]
    paused = await alice.post("/ui/tasks/bulk/pause", {"ids": [*ids, 4711]}, headers={"HX-Request": "true"})
    assert json.loads(paused.headers["hx-trigger"])["rota:toast"]["text"] == "Paused 3 tasks. There is no task 4711."
    asked = await alice.post("/ui/tasks/bulk/delete", {"ids": ids})
    assert "Delete 3 tasks?" in asked.text
    assert asked.text.count('name="ids"') == 3
    await alice.post("/ui/tasks/bulk/delete", {"ids": ids, "confirmed": "1"})
    assert "Nothing is scheduled yet." in await alice.get("/ui/tasks")


async def test_chosen_tasks_are_tagged_and_lose_tags(alice: Person) -> None:
    ids = [await alice.task(name=f"Task {number}", tags=["a"]) for number in range(2)]
    url, fragment = "/ui/tasks/bulk/tags", {"HX-Request": "true"}
    asked = await alice.post(url, {"ids": ids})
    assert "Tags of 2 tasks" in asked.text
    assert '<option value="a">' in asked.text
    assert "2 个任务的标签" in (await alice.post(url, {"ids": ids}, headers={"Accept-Language": "zh-CN"})).text
    empty = await alice.post(url, {"ids": ids, "way": "add", "tags": " ， "})
    assert (empty.status_code, "Write a tag." in empty.text) == (422, True)
    long = await alice.post(url, {"ids": ids, "way": "add", "tags": "x" * 51})
    assert (long.status_code, "x" * 51 in long.text) == (422, True)
    done = json.loads(
        (await alice.post(url, {"ids": [*ids, 4711], "way": "add", "tags": "夜间"}, headers=fragment)).headers[
            "hx-trigger"
        ]
    )
    assert done["rota:toast"]["text"] == "2 tasks are tagged 夜间. There is no task 4711."
    assert done["rota:refused"]["rows"] == {"4711": "There is no task 4711."}
    undo = done["rota:toast"]["undo"]
    assert undo == {"url": url, "values": {"ids": ids, "tags": "夜间", "way": "remove"}}
    assert '<a class="tag" href="/ui/tasks?tag=%E5%A4%9C%E9%97%B4">夜间</a>' in await alice.get("/ui/tasks")
    await alice.post(url, undo["values"])
    assert ">夜间</a>" not in await alice.get("/ui/tasks")
    assert (await alice.post(url, {"ids": ids, "way": "remove", "tags": "a, b"})).status_code == 303
    assert "tag=a" not in await alice.get("/ui/tasks")


async def test_a_pile_up_is_named_and_spread(alice: Person) -> None:
    for number in range(5):
        await alice.task(name=f"At two {number}", cron="0 2 * * *")
    await alice.task(name="Spread already", cron=None, schedules=[{"expr": "0 2 * * *", "jitter": 600}])
    await alice.task(name="Paused", cron="0 2 * * *", enabled=False)
    mine = await alice.task(name="Mine", cron="0 2 * * *")
    url = f"/ui/cron/preview?schedule=cron&cron=0 2 * * *&task={mine}"
    page = await alice.get(url)
    assert "5 other tasks start in the same minute." in page
    assert 'data-spread="900">Spread over 15 min</button>' in page
    assert "同一分钟还有 5 个任务启动。" in await alice.get(url, lang="zh-CN")
    assert "data-spread" not in await alice.get(url.replace("0 2 *", "30 2 *"))
    spread = await alice.get(f"{url}&jitter=900")
    assert "Each run starts up to 15 min later." in spread
    assert "Each run starts up to 1 min 30 s later." in await alice.get(f"{url}&jitter=90")
    assert "data-spread" not in spread
    assert "r-note o-failed" in await alice.get(f"{url}&jitter=x")
    form = fields(await alice.get(f"/ui/tasks/{mine}/edit"), "task-form")
    wrong = await alice.post(f"/ui/tasks/{mine}/update", form | {"jitter": "100000"})
    assert (wrong.status_code, 'id="n-jitter"' in wrong.text) == (422, True)
    assert (await alice.post(f"/ui/tasks/{mine}/update", form | {"jitter": "900"})).status_code == 303
    stored = (await alice.client.get(f"/tasks/{mine}")).json()["schedules"]
    assert [(each["expr"], each["jitter"]) for each in stored] == [("0 2 * * *", 900)]
    again = fields(await alice.get(f"/ui/tasks/{mine}/edit"), "task-form")
    assert (again["schedule"], again["jitter"]) == ("cron", "900"), "the form shows a spread schedule as it is"
    await alice.post(f"/ui/tasks/{mine}/update", again | {"jitter": ""})
    assert (await alice.client.get(f"/tasks/{mine}")).json()["schedules"][0]["jitter"] == 0


async def test_a_viewer_changes_no_tags(victor: Person) -> None:
    task = await victor.task(tags=["a"])
    answer = await victor.post("/ui/tasks/bulk/tags", {"ids": [task], "way": "add", "tags": "b"})
    assert answer.status_code == 403


async def test_a_copy_is_paused_and_opens_in_the_form(alice: Person) -> None:
    task = await alice.task(tags=["finance"])
    done = await alice.post(f"/ui/tasks/{task}/copy")
    form = await alice.get(done.headers["location"])
    assert "测试任务 (copy)" in form
    assert re.search(r'name="enabled" value="true">', form), "the copy is enabled"


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("schedule=cron&cron=30 8 * * 1-5&timezone=Asia/Shanghai", "Weekdays at 08:30"),
        ("schedule=interval&every=15&unit=m", "Every 15 minutes"),
        ("schedule=manual", "Only by hand"),
        ("schedule=cron&cron=", "No schedule yet"),
        ("schedule=cron&cron=99 * * * *", "r-note o-failed"),
        ("schedule=cron&cron=* * * * *&timezone=Mars/Base", "r-note o-failed"),
        (f"schedule=cron&cron={CANARY}", "r-note o-failed"),
    ],
)
async def test_the_preview_says_in_words_what_was_typed(alice: Person, query: str, part: str) -> None:
    answer = await alice.get(f"/ui/cron/preview?{query}")
    assert part in answer
    assert "<script" not in answer


async def test_the_preview_shows_five_runs(alice: Person) -> None:
    answer = await alice.get("/ui/cron/preview?schedule=cron&cron=0 2 * * *&timezone=UTC")
    assert answer.count("<tr>") == 10


async def test_a_viewer_sees_no_buttons_and_may_press_none(victor: Person) -> None:
    task = await victor.task()
    page = await victor.get("/ui/tasks")
    assert "测试任务" in page
    assert "Run now" not in page
    for path in ("run", "delete", "toggle", "stop", "copy", "cleanup"):
        assert (await victor.post(f"/ui/tasks/{task}/{path}", {"confirmed": "1"})).status_code == 403
    assert (await victor.post("/ui/tasks/create", FORM)).status_code == 403


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
async def test_what_people_type_is_never_markup(alice: Person, lang: str) -> None:
    values: dict[str, Any] = {
        "name": CANARY,
        "command": CANARY,
        "description": CANARY,
        "tags": [CANARY],
        "env": {"A": CANARY},
    }
    task = await alice.task(**values)
    execution = await alice.execution(task, "failed", stdout=CANARY, stderr=CANARY, error=CANARY, exit_code=1)
    pages = [
        "/ui/tasks",
        f"/ui/tasks/{task}",
        f"/ui/tasks/{task}/edit",
        "/ui/executions",
        f"/ui/executions/{execution}",
    ]
    for url in [*pages, f"/ui/tasks?q={CANARY}", f"/ui/executions/{execution}?find={CANARY}"]:
        assert "<script>alert" not in await alice.get(url, lang=lang)
    asked = await alice.post(f"/ui/tasks/{task}/delete")
    assert "<script>alert" not in asked.text


LIMITS = {"limit_memory": "512MB", "limit_cpu": "60", "limit_processes": "20", "limit_files": "64", "limit_nice": "5"}


async def test_limits_are_set_in_the_form_and_shown(alice: Person) -> None:
    answer = await alice.post("/ui/tasks/create", FORM | LIMITS | {"run_as": "www-data"})
    assert answer.status_code == 303, answer.text
    url = answer.headers["location"]
    page = await alice.get(url)
    assert "memory 512 MB, CPU 1 min 00 s, 20 processes, 64 open files, niceness 5" in page
    assert "www-data" in page
    form = await alice.get(f"{url}/edit")
    for name, value in (LIMITS | {"run_as": "www-data"}).items():
        assert re.search(f'name="{name}"[^>]*value="{value}"', form), name


@pytest.mark.parametrize(("name", "value"), [("limit_memory", "lots"), ("limit_nice", "99"), ("run_as", "a b")])
async def test_a_bad_limit_is_marked_beside_its_field(alice: Person, name: str, value: str) -> None:
    answer = await alice.post("/ui/tasks/create", FORM | {name: value})
    assert answer.status_code == 422
    assert f'id="n-{name}"' in answer.text
    assert value in answer.text


async def test_the_kind_decides_the_form(alice: Person) -> None:
    page = await alice.get("/ui/tasks/create?kind=shell")
    assert '<input type="hidden" name="kind" value="shell">' in page
    assert "$1, $2" in page
    assert 'name="kind" value="shell"' in await alice.get("/ui/tasks/create?kind=%3Cb%3E")
    typed = {"name": "keeps", "command": "true", "schedule": "manual", "spec_keep_files": "true", "kind": "shell"}
    answer = await alice.post("/ui/tasks/create", typed)
    edit = await alice.get(answer.headers["location"] + "/edit")
    assert re.search('name="spec_keep_files"[^>]* checked', edit)
    switched = await alice.post("/ui/tasks/create", {"name": "half <typed>", "switch": "shell"})
    assert switched.status_code == 200
    assert "half &lt;typed&gt;" in switched.text


async def test_what_needs_somebody_stands_first_and_a_menu_comes_when_it_is_opened(alice: Person) -> None:
    fine, bad, paused = [await alice.task(name=name) for name in ("A fine one", "Z that failed", "B paused")]
    await alice.execution(fine)
    await alice.execution(bad, "failed", exit_code=1)
    await alice.post(f"/ui/tasks/{paused}/toggle", {"enabled": "false"})
    page = await alice.get("/ui/tasks")
    places = [page.index(f'title="{name}"') for name in ("Z that failed", "A fine one", "B paused")]
    assert places == sorted(places)
    assert "Sort: needs attention" in page
    assert f"/ui/tasks/{bad}/delete" not in page
    assert f'action="/ui/tasks/{bad}/delete"' in await alice.get(f"/ui/tasks/{bad}/menu")
    other = await alice.task(name="Elsewhere", queue="gpu")
    found = await alice.get("/ui/tasks?queue=gpu")
    assert f"/ui/tasks/{other}" in found
    assert "A fine one" not in found


def test_a_total_that_the_chips_know_is_not_counted_again() -> None:
    counts = dict.fromkeys(TaskState, 2) | {TaskState.FAILED: 7}
    assert counted(TaskQuery(), counts) == 15
    assert counted(TaskQuery(status=TaskState.FAILED), counts) == 7
    for narrower in (TaskQuery(search="x"), TaskQuery(tag="x"), TaskQuery(queue="x"), TaskQuery(enabled=True)):
        assert counted(narrower, counts) is None
