"""Tasks over HTTP: every call of the second and fourth source documents, at the root and under /api."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from common.clock import Clock
from common.domain.states import Status
from common.queue.finish import finish
from tests.api.conftest import Api
from tests.support.eventually import eventually
from tests.support.interleave import one_engine
from tests.support.world import claim, claim_and_spawn, execution, result

ROOTS = ("", "/api")


@pytest.mark.parametrize("root", ROOTS)
async def test_the_minimal_body_creates_a_working_task(api: Api, root: str) -> None:
    body = {"name": "测试任务", "cron": "*/5 * * * *", "command": "echo hello"}
    task = await api.post(f"{root}/tasks", body, 201)
    assert task["kind"] == "shell"
    assert task["status"] == "ACTIVE"
    assert task["cron"] == "*/5 * * * *"
    assert task["timezone"] == "UTC"
    assert task["next_run_at"].endswith("Z")
    assert task["schedules"][0]["text"] == {"en": "Every 5 minutes", "zh": "每 5 分钟"}
    assert await api.get(f"{root}/tasks/{task['id']}") == task


async def test_every_field_comes_back_as_it_was_given(api: Api) -> None:
    given = {
        "name": "Nightly 🌙",
        "description": "说明\nsecond line",
        "command": "python3 -c 'print(1)' \"$1\"",
        "cron": "30 2 * * mon-fri",
        "timezone": "Europe/Berlin",
        "env": {"GREETING": "你好", "PORT": "8080"},
        "args": ["a b", "c'd"],
        "cwd": "/tmp",
        "timeout": 12.5,
        "retries": 3,
        "retry_delay": 0.5,
        "retry_backoff": 2.0,
        "queue": "reports",
        "priority": 10,
        "enabled": False,
        "tags": ["finance", "夜间"],
        "max_history": 20,
        "concurrency": "queue",
        "delivery": "at_least_once",
        "misfire_policy": "all",
        "misfire_grace": 600,
    }
    task = await api.post("/tasks", given, 201)
    assert {name: task[name] for name in given} == given
    assert task["status"] == "PAUSED"
    assert task["next_run_at"] is None


async def test_a_task_takes_several_schedules_of_every_kind(api: Api) -> None:
    schedules = [
        {"kind": "cron", "expr": "0 9 * * *", "timezone": "Asia/Shanghai"},
        {"kind": "interval", "expr": "90s"},
        {"kind": "once", "expr": "2036-01-01T08:00:00+08:00"},
    ]
    task = await api.task(schedules=schedules)
    assert [item["kind"] for item in task["schedules"]] == ["cron", "interval", "once"]
    assert task["cron"] is None
    assert task["next_run_at"] == min(item["next_run_at"] for item in task["schedules"])


async def test_it_takes_an_apscheduler_style_schedule(api: Api) -> None:
    task = await api.task(cron={"minute": 15, "day_of_week": "mon", "hour": 10, "timezone": "Asia/Shanghai"})
    assert task["schedules"][0]["timezone"] == "Asia/Shanghai"
    assert task["schedules"][0]["text"]["zh"] == "每周一 10:15"


BAD = [
    ({"cron": "61 * * * *"}, "cron"),
    ({"cron": "* * *"}, "cron"),
    ({"cron": "0 0 30 2 *"}, "cron"),
    ({"cron": 5}, "cron"),
    ({"cron": "x" * 300}, "cron"),
    ({"cron": {"week": 3}}, "cron.week"),
    ({"cron": "* * * * *", "timezone": "Asia/Beijing"}, "timezone"),
    ({"cron": "* * * * *", "timezone": "\x00"}, "timezone"),
    ({"schedules": [{"kind": "interval", "expr": "soon"}]}, "schedules.0.expr"),
    ({"schedules": [{"kind": "never", "expr": "1"}]}, "schedules.0.kind"),
    ({"schedules": [{"kind": "cron", "expr": "* * * * *", "start_at": "0001-01-01T00:00:00+14:00"}]}, "start_at"),
    ({"command": ""}, "command"),
    ({"command": "  \n"}, "command"),
    ({"command": None}, "command"),
    ({"command": "echo \x00"}, "command"),
    ({"command": "x" * 200_000}, "command"),
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "x" * 1_000_000}, "name"),
    ({"name": ["a"]}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"description": "\x00"}, "description"),
    ({"kind": "magic"}, "kind"),
    ({"env": {"1X": "a"}}, "env"),
    ({"env": {"ROTA_X": "a"}}, "env"),
    ({"env": {"A": None}}, "env.A"),
    ({"env": ["A=1"]}, "env"),
    ({"args": "a b"}, "args"),
    ({"cwd": "relative"}, "cwd"),
    ({"timeout": 0}, "timeout"),
    ({"timeout": -1}, "timeout"),
    ({"timeout": "soon"}, "timeout"),
    ({"timeout": 1e400}, "timeout"),
    ({"retries": -1}, "retries"),
    ({"retries": 1.5}, "retries"),
    ({"retries": 10**30}, "retries"),
    ({"retry_backoff": 0.5}, "retry_backoff"),
    ({"queue": "a b"}, "queue"),
    ({"priority": 101}, "priority"),
    ({"enabled": "perhaps"}, "enabled"),
    ({"tags": ["a" * 51]}, "tags.0"),
    ({"max_history": 0}, "max_history"),
    ({"owner_id": 2}, "owner_id"),
    ({"id": 7}, "id"),
]


async def test_bad_input_is_refused_with_the_field_named(api: Api) -> None:
    for fields, field in BAD:
        body: dict[str, Any] = {"name": "x", "command": "true"} | fields  # type: ignore[operator]
        import json

        content = json.dumps(body).replace("Infinity", "1e999")
        answer = await api.client.post("/tasks", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (fields, answer.status_code, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["field"].startswith(field) or field in problem["field"], (str(fields)[:80], problem)
        assert len(answer.content) < 4000
    assert (await api.get("/tasks"))["total"] == 0


async def test_half_a_character_is_refused(api: Api) -> None:
    for field in ("name", "command", "description", "cron", "timezone"):
        content = b'{"name": "x", "command": "true", "%s": "a\\ud800"}' % field.encode()
        answer = await api.client.post("/tasks", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (field, answer.text)


@one_engine
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff", b"[" * 100_000, b'{"name": "x", "command": "y"} trailing']
)
async def test_a_body_that_is_no_task_is_refused(api: Api, content: bytes) -> None:
    answer = await api.client.post("/tasks", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_unknown_tasks_are_404_everywhere(api: Api) -> None:
    calls = [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        *(("POST", f"/{verb}") for verb in ("run", "toggle", "cleanup", "delete", "execute", "stop")),
        *(
            ("GET", f"/{noun}")
            for noun in ("executions", "executions/1", "status", "next-run", "logs", "logs/download")
        ),
    ]
    for root in ROOTS:
        for method, path in calls:
            options: dict[str, Any] = {"json": {"name": "x"}} if method == "PUT" else {}
            answer = await api.client.request(method, f"{root}/tasks/999{path}", **options)
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    for path in ("/executions/999", "/api/executions/999"):
        await api.get(path, 404)


@one_engine
@pytest.mark.parametrize("task_id", ["abc", "0", "-1", "9" * 30, "1.5", "%00"])
async def test_ids_that_cannot_be_are_refused(api: Api, task_id: str) -> None:
    answer = await api.client.get(f"/tasks/{task_id}")
    assert answer.status_code == 422
    assert answer.json()["field"] == "task_id"


async def test_it_lists_searches_filters_and_pages(api: Api) -> None:
    for number in range(5):
        await api.task(name=f"Export {number}", tags=["finance"], enabled=number != 3)
    await api.task(name="其他", command="echo 你好 100%")
    assert (await api.get("/tasks"))["total"] == 6
    page = await api.get("/tasks", page=2, page_size=2, sort="name", search="export")
    assert [item["name"] for item in page["items"]] == ["Export 2", "Export 3"]
    assert (page["total"], page["pages"], page["page"]) == (5, 3, 2)
    assert (await api.get("/tasks", search="你好"))["total"] == 1
    assert (await api.get("/tasks", search="100%"))["total"] == 1
    assert (await api.get("/tasks", search="1_0%"))["total"] == 0
    assert (await api.get("/tasks", status="PAUSED"))["items"][0]["name"] == "Export 3"
    assert (await api.get("/tasks", status="ACTIVE"))["total"] == 5
    assert (await api.get("/tasks", tag="finance"))["total"] == 5
    assert (await api.get("/tasks", tag="fin"))["total"] == 0
    assert (await api.get("/tasks", enabled="false"))["total"] == 1
    assert (await api.get("/tasks", page=99))["items"] == []
    for params in ({"page": 0}, {"page_size": 10_000}, {"status": "ODD"}, {"sort": "command"}, {"search": "a\x00"}):
        problem = await api.get("/tasks", 422, **params)
        assert problem["field"] == next(iter(params))


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_update_changes_what_is_given_and_nothing_else(api: Api, method: str) -> None:
    task = await api.task(cron="0 9 * * *", timezone="Asia/Shanghai", tags=["a"], env={"A": "1"})
    url = f"/api/tasks/{task['id']}"
    answer = await api.client.request(method, url, json={"name": "renamed", "retries": 2})
    changed = answer.json()
    assert answer.status_code == 200
    assert {**task, "name": "renamed", "retries": 2, "version": 2, "updated_at": changed["updated_at"]} == changed
    later = (await api.client.request(method, url, json={"cron": "0 10 * * *"})).json()
    assert later["cron"] == "0 10 * * *"
    assert later["timezone"] == "UTC" or later["timezone"] == "Asia/Shanghai"
    manual = (await api.client.request(method, url, json={"cron": None})).json()
    assert (manual["cron"], manual["schedules"], manual["next_run_at"]) == (None, [], None)


async def test_changing_the_expression_keeps_the_zone(api: Api) -> None:
    task = await api.task(cron="0 9 * * *", timezone="Asia/Shanghai")
    changed = (await api.client.put(f"/tasks/{task['id']}", json={"cron": "0 10 * * *"})).json()
    assert changed["timezone"] == "Asia/Shanghai"
    assert changed["next_run_at"].endswith("T02:00:00.000Z")


async def test_a_bad_update_changes_nothing(api: Api) -> None:
    task = await api.task(cron="0 9 * * *")
    for body in ({"name": None}, {"command": ""}, {"name": "new", "cron": "bad"}, {"retries": "x"}, {"unknown": 1}):
        answer = await api.client.put(f"/tasks/{task['id']}", json=body)
        assert answer.status_code == 422, body
    assert await api.get(f"/tasks/{task['id']}") == task


async def test_toggling_pauses_and_resumes_from_now(api: Api) -> None:
    task = await api.task(cron="* * * * *")
    paused = await api.post(f"/tasks/{task['id']}/toggle")
    assert (paused["status"], paused["enabled"], paused["next_run_at"]) == ("PAUSED", False, None)
    resumed = await api.post(f"/tasks/{task['id']}/toggle")
    assert (resumed["status"], resumed["enabled"]) == ("ACTIVE", True)
    assert resumed["next_run_at"] is not None
    again = await api.post(f"/tasks/{task['id']}/toggle", {"enabled": True})
    assert again["enabled"] is True


@pytest.mark.parametrize("verb", ["run", "execute"])
async def test_running_by_hand_queues_an_execution(api: Api, verb: str) -> None:
    task = await api.task(enabled=False)
    started = await api.post(f"/api/tasks/{task['id']}/{verb}", status=202)
    assert (started["status"], started["trigger"], started["triggered_by"]) == ("queued", "manual", "admin")
    assert started["execution_id"] == started["id"]
    status = await api.get(f"/tasks/{task['id']}/status")
    assert (status["status"], status["pending"]) == ("PENDING", [started["id"]])
    seen = await api.get(f"/tasks/{task['id']}/executions/{started['id']}")
    assert seen["attempt"] == 0
    assert seen["stdout"] == ""
    assert (await api.get(f"/tasks/{task['id']}/executions"))["total"] == 1


async def test_the_same_idempotency_key_is_the_same_execution(api: Api) -> None:
    task = await api.task()
    headers = {"Idempotency-Key": "order-17"}
    answers = [await api.post(f"/tasks/{task['id']}/run", headers=headers) for _ in range(3)]
    assert len({answer["id"] for answer in answers}) == 1
    assert (await api.client.post(f"/tasks/{task['id']}/run", headers={"Idempotency-Key": "a b"})).status_code == 422


async def test_an_execution_of_another_task_is_not_found(api: Api) -> None:
    first, second = await api.task(), await api.task()
    started = await api.post(f"/tasks/{first['id']}/run")
    await api.get(f"/tasks/{second['id']}/executions/{started['id']}", 404)


async def test_stopping_cancels_what_waits(api: Api) -> None:
    task = await api.task()
    started = await api.post(f"/tasks/{task['id']}/run")
    stopped = await api.post(f"/api/tasks/{task['id']}/stop")
    assert (stopped["cancelled"], stopped["stopping"]) == ([started["id"]], [])
    assert (await api.get(f"/executions/{started['id']}"))["status"] == "cancelled"
    assert (await api.post(f"/tasks/{task['id']}/stop"))["cancelled"] == []


async def test_stopping_does_not_wait_for_ever(api: Api) -> None:
    task = await api.task()
    started = await api.post(f"/tasks/{task['id']}/run")
    await claim(api.database, now=await _now(api))
    told = await api.post(f"/tasks/{task['id']}/stop?wait=0", None, 202)
    assert (told["stopping"], told["cancelled"]) == ([started["id"]], [])
    assert (told["executions"][0]["status"], told["executions"][0]["proof"]) == ("running", None)
    assert await api.post(f"/executions/{started['id']}/stop?wait=0.1", None, 202) == told
    assert (await api.client.post(f"/tasks/{task['id']}/stop?wait=61")).status_code == 422


async def test_the_answer_to_a_stop_has_the_proof(api: Api) -> None:
    task = await api.task()
    started = await api.post(f"/tasks/{task['id']}/run")
    claimed = await claim_and_spawn(api.database, now=await _now(api))
    stopping = asyncio.create_task(api.post(f"/executions/{started['id']}/stop?wait=30", None, 200))
    tree = [{"pid": 4711, "ppid": 1, "command": "sleep 60"}]
    proof = {"tree": tree, "more": 0, "signals": [{"signal": "SIGTERM", "processes": 1}], "left": 0}

    async def asked() -> None:
        assert (await execution(api.database, claimed.id)).cancel_requested_at

    await eventually(asked)
    async with api.database.write() as session:
        await finish(session, [result(claimed, Status.CANCELLED, proof=proof)])
    answer = await stopping
    assert (answer["stopping"], answer["executions"][0]["proof"]) == ([], proof)
    shown = await api.get(f"/executions/{started['id']}")
    assert shown["proof"] == shown["attempts"][0]["proof"] == proof


async def _now(api: Api) -> datetime:
    async with api.database.read() as session:
        return await Clock().now(session)


async def test_cleaning_up_deletes_finished_executions_only(api: Api) -> None:
    task = await api.task()
    for _ in range(4):
        await api.post(f"/tasks/{task['id']}/run")
        await api.post(f"/tasks/{task['id']}/stop")
    waiting = await api.post(f"/tasks/{task['id']}/run")
    assert (await api.post(f"/tasks/{task['id']}/cleanup", {"keep": 3}))["deleted"] == 1
    assert (await api.post(f"/tasks/{task['id']}/cleanup"))["deleted"] == 3
    left = await api.get(f"/tasks/{task['id']}/executions")
    assert [item["id"] for item in left["items"]] == [waiting["id"]]


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/delete")])
async def test_deleting_takes_the_task_and_its_history_out_of_sight(api: Api, method: str, path: str) -> None:
    task = await api.task(cron="* * * * *")
    started = await api.post(f"/tasks/{task['id']}/run")
    answer = await api.client.request(method, f"/tasks/{task['id']}{path}")
    assert answer.json() == {"id": task["id"], "deleted": True}
    await api.get(f"/tasks/{task['id']}", 404)
    await api.get(f"/executions/{started['id']}", 404)
    assert (await api.get("/tasks"))["total"] == 0
    assert (await api.get("/executions"))["total"] == 0


@pytest.mark.parametrize("root", ROOTS)
async def test_bulk_calls_answer_for_every_id(api: Api, root: str) -> None:
    ids = [(await api.task(cron="* * * * *"))["id"] for _ in range(3)]
    paused = await api.post(f"{root}/tasks/bulk/pause", {"ids": [*ids, 999]})
    assert [(item["id"], item["ok"]) for item in paused["results"]] == [*((id_, True) for id_ in ids), (999, False)]
    assert "999" in paused["results"][3]["error"]
    assert (paused["succeeded"], paused["failed"]) == (3, 1)
    assert (await api.get("/tasks", status="PAUSED"))["total"] == 3
    assert (await api.post(f"{root}/tasks/bulk/resume", {"task_ids": ids[:1]}))["succeeded"] == 1
    ran = await api.post(f"{root}/tasks/bulk/force_run", ids, 202)
    assert all(item["execution_id"] for item in ran["results"])
    gone = await api.post(f"{root}/tasks/bulk/delete", {"ids": [999, *ids]})
    assert (gone["succeeded"], gone["failed"]) == (3, 1)
    assert (await api.get("/tasks"))["total"] == 0


async def test_tags_of_many_are_changed_and_each_has_its_result(api: Api) -> None:
    ids = [(await api.task(tags=["夜间", "old"]))["id"], (await api.task(tags=["new"]))["id"]]
    full = (await api.task(tags=[f"t{n}" for n in range(20)]))["id"]
    body = {"ids": [*ids, full, 999], "add": ["new", "财务"], "remove": ["old"]}
    answer = await api.post("/tasks/bulk/tags", body)
    assert [item["ok"] for item in answer["results"]] == [True, True, False, False]
    assert "more than 20 tags" in answer["results"][2]["error"]
    found = [(await api.get(f"/tasks/{id_}"))["tags"] for id_ in ids]
    assert found == [["夜间", "new", "财务"], ["new", "财务"]]
    assert (await api.get("/tasks", tag="财务"))["total"] == 2
    version = (await api.get(f"/tasks/{ids[0]}"))["version"]
    await api.post("/tasks/bulk/tags", {"ids": ids, "add": ["new"]})
    assert (await api.get(f"/tasks/{ids[0]}"))["version"] == version, "the same tags again are no change"
    for wrong in ({"ids": ids}, {"ids": ids, "add": [""]}, {"ids": ids, "add": ["x" * 51]}, {"add": ["x"]}):
        assert (await api.post("/tasks/bulk/tags", wrong, 422))["type"], wrong


async def test_of_two_who_tag_at_once_both_count(api: Api) -> None:
    task = (await api.task())["id"]
    await asyncio.gather(*(api.post("/tasks/bulk/tags", {"ids": [task], "add": [f"t{n}"]}) for n in range(6)))
    assert sorted((await api.get(f"/tasks/{task}"))["tags"]) == [f"t{n}" for n in range(6)]


@one_engine
@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": ["x"]}, {"ids": [0]}, {"ids": [10**20]}, {"ids": 5}, 7])
async def test_bulk_calls_refuse_what_is_no_list_of_ids(api: Api, body: Any) -> None:
    for verb in ("delete", "pause", "resume", "force_run"):
        problem = await api.post(f"/tasks/bulk/{verb}", body, 422)
        assert problem["field"]


async def test_many_run_by_hand_at_once_and_none_is_lost(api: Api) -> None:
    task = await api.task()
    started = await asyncio.gather(*(api.post(f"/tasks/{task['id']}/run") for _ in range(20)))
    assert len({item["id"] for item in started}) == 20


async def test_messages_come_in_the_readers_language(api: Api) -> None:
    headers = {"Accept-Language": "zh-CN,zh;q=0.9"}
    answer = await api.client.get("/tasks/999", headers=headers)
    assert answer.json()["detail"] == "没有任务 999。"
    answer = await api.client.post("/tasks", json={"command": "true"}, headers=headers)
    assert "必填" in answer.json()["detail"]


async def test_what_a_kind_needs_is_checked_by_its_model(api: Api) -> None:
    task = await api.task(spec={"keep_files": True})
    assert task["spec"] == {"keep_files": True}
    assert (await api.task())["spec"] == {"keep_files": False}
    changed = await api.client.put(f"/tasks/{task['id']}", json={"spec": {}})
    assert changed.json()["spec"] == {"keep_files": False}

    wrong: list[tuple[dict[str, Any], str]] = [
        ({"spec": {"keep_files": "maybe"}}, "spec.keep_files"),
        ({"spec": {"data_source_id": 1}}, "spec.data_source_id"),
        ({"spec": []}, "spec"),
        ({"kind": "spreadsheet"}, "kind"),
    ]
    for body, field in wrong:
        for answer in (
            await api.client.post("/tasks", json={"name": "x", "command": "true", **body}),
            await api.client.put(f"/tasks/{task['id']}", json=body),
        ):
            assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
