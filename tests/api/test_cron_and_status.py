"""When things run, how Rota is, and what tasks printed."""

from datetime import timedelta

import httpx
import pytest

from common.clock import Clock
from common.domain.states import Status
from common.queries import executions as queries
from common.queue import claims
from common.queue.finish import Result, finish
from tests.api.conftest import Api
from tests.support.interleave import one_engine


@one_engine
@pytest.mark.parametrize("path", ["/cron/next", "/api/cron/next"])
async def test_it_says_when_an_expression_runs_next(api: Api, path: str) -> None:
    answer = await api.get(path, expr="30 2 * * *", timezone="Europe/Berlin", count=3, after="2026-03-28T00:00:00Z")
    assert [item["utc"] for item in answer["next"]] == [
        "2026-03-28T01:30:00.000Z",
        "2026-03-29T01:00:00.000Z",
        "2026-03-30T00:30:00.000Z",
    ]
    assert answer["next"][1]["local"] == "2026-03-29T03:00:00+02:00"
    assert "02:30" in answer["next"][1]["note"]
    assert answer["text"] == {"en": "Every day at 02:30", "zh": "每天 02:30"}


@one_engine
async def test_it_takes_cron_for_expr_and_five_instants_by_default(api: Api) -> None:
    assert len((await api.get("/cron/next", cron="*/5 * * * *"))["next"]) == 5
    assert len((await api.get("/cron/next", expr="* * * * *", count=100))["next"]) == 100


@one_engine
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"expr": "99 * * * *"}, "expr"),
        ({"cron": "99 * * * *"}, "cron"),
        ({"expr": ""}, "expr"),
        ({}, "expr"),
        ({"expr": "* * * * *", "count": 101}, "count"),
        ({"expr": "* * * * *", "count": 0}, "count"),
        ({"expr": "* * * * *", "timezone": "Mars/Base"}, "timezone"),
        ({"expr": "* * * * *", "after": "yesterday"}, "after"),
        ({"expr": "* * * * *", "after": "0001-01-01T00:00:00+14:00"}, "after"),
        ({"expr": "0 0 30 2 *"}, "expr"),
        ({"expr": "\x00"}, "expr"),
    ],
)
async def test_it_names_what_is_wrong_with_an_expression(api: Api, params: dict[str, str], field: str) -> None:
    assert (await api.get("/cron/next", 422, **params))["field"] == field


async def test_it_says_when_a_task_runs_next(api: Api) -> None:
    task = await api.task(cron="0 9 * * *", timezone="Asia/Shanghai")
    answer = await api.get(f"/api/tasks/{task['id']}/next-run", count=3)
    assert answer["next_run_at"] == task["next_run_at"] == answer["next"][0]["utc"]
    assert answer["local"].endswith("T09:00:00+08:00")
    assert len(answer["next"]) == 3
    await api.post(f"/tasks/{task['id']}/toggle")
    paused = await api.get(f"/tasks/{task['id']}/next-run")
    assert (paused["next_run_at"], paused["next"]) == (None, [])


async def test_health_needs_no_sign_in_and_a_browser_is_sent_to_the_pages(anonymous: httpx.AsyncClient) -> None:
    for path in ("/health", "/", "/api/health"):
        health = (await anonymous.get(path)).json()
        assert health["database"] == "ok"
        assert health["status"] == "degraded"
        assert health["scheduler"] == {"alive": 0, "heartbeat_at": None}
    browser = await anonymous.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/ui/home")


async def test_status_tells_how_much_there_is_to_do(api: Api) -> None:
    task = await api.task()
    await api.post(f"/tasks/{task['id']}/run")
    status = await api.get("/api/status")
    assert (status["tasks"], status["queued"], status["running"], status["workers"]) == (1, 1, 0, [])
    assert await api.get("/workers") == []


async def _ran(api: Api, stdout: str, stderr: str = "", code: int = 0) -> int:
    """A task with one execution that printed this; returns the task's id."""
    task = await api.task(name="日志 任务")
    await api.post(f"/tasks/{task['id']}/run")
    async with api.database.write() as session:
        now = await Clock().now(session)
        (claim,) = await claims.claim(session, worker_id="w", queues=["default"], limit=1, lease=60, now=now)
        result = Result(
            claim.id,
            claim.token,
            Status.SUCCESS if code == 0 else Status.FAILED,
            started_at=now,
            finished_at=now + timedelta(seconds=1),
            worker_id="w",
            exit_code=code,
            stdout=stdout,
            stderr=stderr,
        )
        assert await finish(session, [result]) == set()
    return int(task["id"])


async def test_logs_can_be_searched_filtered_and_cut(api: Api) -> None:
    stdout = "INFO start\nplain\nWARNING odd\n  detail\nINFO done\n"
    task_id = await _ran(api, stdout, "ERROR 坏了\n", 2)
    logs = await api.get(f"/tasks/{task_id}/logs")
    assert logs["text"] == stdout + "ERROR 坏了\n"
    assert logs["status"] == "failed"
    assert [line["stream"] for line in logs["lines"]] == ["stdout"] * 5 + ["stderr"]
    assert (await api.get(f"/tasks/{task_id}/logs", level="WARNING"))["text"] == "WARNING odd\n  detail\nERROR 坏了\n"
    assert (await api.get(f"/tasks/{task_id}/logs", search="坏"))["text"] == "ERROR 坏了\n"
    assert (await api.get(f"/tasks/{task_id}/logs", stream="stdout", tail=1))["text"] == "INFO done\n"
    plain = await api.client.get(f"/api/tasks/{task_id}/logs", headers={"Accept": "text/plain"})
    assert plain.text == stdout + "ERROR 坏了\n"
    assert (await api.get(f"/tasks/{task_id}/logs", 422, stream="both"))["field"] == "stream"


@one_engine
async def test_logs_download_under_the_tasks_name(api: Api) -> None:
    task_id = await _ran(api, "out\n", "err\n")
    answer = await api.client.get(f"/api/tasks/{task_id}/logs/download")
    assert answer.content == b"out\nerr\n"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "filename*=UTF-8''%E6%97%A5%E5%BF%97" in answer.headers["content-disposition"]
    only = await api.client.get(f"/tasks/{task_id}/logs/download", params={"stream": "stderr"})
    assert only.content == b"err\n"
    newest = (await api.get(f"/tasks/{task_id}/executions"))["items"][0]
    same = await api.client.get(f"/executions/{newest['id']}/output/download", params={"stream": "stdout"})
    assert same.content == b"out\n"


async def test_a_task_that_never_ran_has_an_empty_log(api: Api) -> None:
    task = await api.task()
    logs = await api.get(f"/tasks/{task['id']}/logs")
    assert (logs["execution_id"], logs["lines"], logs["text"]) == (None, [], "")
    assert (await api.client.get(f"/tasks/{task['id']}/logs/download")).content == b""


async def test_a_failed_task_says_so_until_it_works_again(api: Api) -> None:
    task_id = await _ran(api, "", "boom\n", 3)
    task = await api.get(f"/tasks/{task_id}")
    assert (task["status"], task["last_execution"]["exit_code"]) == ("FAILED", 3)
    assert (await api.get("/tasks", status="FAILED"))["total"] == 1
    assert (await api.get("/tasks", status="ACTIVE"))["total"] == 0
    executions = await api.get("/executions", status="failed")
    assert (executions["total"], executions["items"][0]["task_name"]) == (1, "日志 任务")
    assert "stdout" not in executions["items"][0]


async def test_beyond_what_is_counted_pages_go_on_to_the_end(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "COUNTED", 3)
    task = await api.task()
    ids = [(await api.post(f"/tasks/{task['id']}/run", status=202))["execution_id"] for _ in range(5)][::-1]
    seen, page = [], {"page": 0, "pages": 1}
    while page["page"] < page["pages"]:
        page = await api.get("/executions", page=page["page"] + 1, page_size=2)
        seen.append(([each["id"] for each in page["items"]], page["total"], page["at_least"]))
    assert seen == [(ids[:2], 3, True), (ids[2:4], 5, True), (ids[4:], 5, False)]
    rest = await api.get("/executions", before=ids[1])
    assert ([each["id"] for each in rest["items"]], rest["total"], rest["at_least"]) == (ids[2:], 3, False)
    assert (await api.get("/executions", page=9, page_size=2))["items"] == []


@one_engine
async def test_docs_and_openapi_are_for_those_who_signed_in(api: Api, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/openapi.json")).status_code == 401
    assert (await anonymous.get("/docs")).headers["location"] == "/ui/login?next=/docs"
    document = await api.get("/openapi.json")
    assert "/tasks/bulk/force_run" in document["paths"]
    assert not any(path.startswith("/api") for path in document["paths"])


@one_engine
async def test_every_answer_carries_the_security_headers(api: Api, anonymous: httpx.AsyncClient) -> None:
    for answer in (
        await anonymous.get("/health"),
        await anonymous.get("/nowhere"),
        await anonymous.get("/tasks"),
        await api.client.get("/tasks"),
    ):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@one_engine
async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    answer = await api.client.post("/tasks", content=b" " * (9 * 1024 * 1024))
    assert answer.status_code == 413


@one_engine
async def test_assets_are_kept_while_pages_are_not_and_the_api_is_not_compressed(anonymous: httpx.AsyncClient) -> None:
    style = await anonymous.get("/static/rota.css?v=1", headers={"Accept-Encoding": "gzip"})
    assert (style.headers["content-encoding"], style.status_code) == ("gzip", 200)
    assert "immutable" in style.headers["cache-control"]
    assert "no-cache" in (await anonymous.get("/static/rota.css")).headers["cache-control"]
    assert (await anonymous.get("/static/../api/app.py")).status_code == 404
    page = await anonymous.get("/ui/login", headers={"Accept-Encoding": "gzip"})
    document = await anonymous.get("/health", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in document.headers
    assert page.headers["cache-control"] == "no-store"
