"""What became of every instant: the fire ledger, why, downtimes, and what is to come."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from common.clock import Clock
from common.db.models import SchedulerGap, Task, Worker, table_of
from common.domain.states import Status
from common.queue import claims, enqueue
from common.queue.finish import Result, finish
from common.services import facts
from tests.api.conftest import Api
from tests.support import world

ZH = {"Accept-Language": "zh-CN"}
MINUTE = timedelta(minutes=1)


async def now_of(api: Api) -> datetime:
    async with api.database.read() as session:
        return await Clock().now(session)


async def write(api: Api, task_id: int, instant: datetime, status: Status, **values: Any) -> int:
    """The row of an instant."""
    given: dict[str, Any] = {
        "fire_key": enqueue.fire_key(instant),
        "trigger": "schedule",
        "scheduled_for": instant,
        "status": status,
    }
    (id_,) = await world.add_executions(api.database, task_id, **given, **values)
    return id_


async def daily(api: Api, **fields: Any) -> tuple[int, datetime]:
    """A task that fires every minute, created long ago; and the last whole minute."""
    task = await api.task(cron="* * * * *", **fields)
    now = await now_of(api)
    async with api.database.write() as session:
        T = table_of(Task)
        await session.execute(update(T).values(created_at=now - timedelta(days=2)))
        await facts.beat(session, now=now)
    return int(task["id"]), now.replace(second=0, microsecond=0)


async def test_there_is_an_entry_for_every_instant_with_its_reason(api: Api) -> None:
    task, last = await daily(api)
    cases: list[tuple[Status, dict[str, Any], str, str]] = [
        (Status.SUCCESS, {"token": 1, "started_at": last - 10 * MINUTE + timedelta(seconds=1)}, "success", "success"),
        (Status.FAILED, {"token": 1, "started_at": last - 8 * MINUTE, "exit_code": 2}, "failed", "failed"),
        (Status.SKIPPED, {"reason": "overlap"}, "skipped", "overlap"),
        (Status.SKIPPED, {"reason": "calendar"}, "skipped", "calendar"),
        (Status.MISSED, {"reason": "superseded"}, "missed", "superseded"),
        (Status.MISSED, {"reason": "grace_over"}, "missed", "grace_over"),
        (Status.CANCELLED, {"cancelled_by": "li"}, "cancelled", "cancelled_by"),
        (Status.QUEUED, {"queue": "nobody"}, "pending", "no_worker"),
    ]
    for number, (status, values, _, _) in enumerate(cases):
        await write(api, task, last - (10 - number) * MINUTE, status, **values)
    page = await api.get(f"/tasks/{task}/ledger")
    items = page["items"][::-1]
    assert [(item["outcome"], item["code"]) for item in items] == [(outcome, code) for _, _, outcome, code in cases]
    assert page["total"] == len(cases)
    assert items[0]["lateness"] == 1.0
    assert items[1]["lateness"] == 60.0
    assert items[1]["text"].startswith("It ran 1 min late, at ")
    assert items[1]["text"].endswith("It failed: exit code 2.")
    zh = (await api.client.get(f"/tasks/{task}/ledger", headers=ZH)).json()["items"][::-1]
    assert zh[4]["text"] == "已错过：当时没有调度器工作，之后的一次代替了它。"
    assert zh[7]["text"] == "没有工作节点处理队列“nobody”。"


async def test_it_pages_filters_and_cuts(api: Api) -> None:
    task, last = await daily(api)
    for number in range(1, 6):
        status = Status.MISSED if number % 2 else Status.SUCCESS
        await write(api, task, last - number * MINUTE, status, reason="superseded" if number % 2 else "")
    await api.post(f"/tasks/{task}/run")
    path = f"/tasks/{task}/ledger"
    instants = [item["first"] for item in (await api.get(path))["items"]]
    assert instants == sorted(instants, reverse=True)
    assert len(instants) == 5, "a run by hand is no instant of the schedule"
    second = await api.get(path, page=2, page_size=2)
    assert [item["first"] for item in second["items"]] == instants[2:4]
    assert second["pages"] == 3
    assert (await api.get(path, outcome="missed"))["total"] == 3
    assert (await api.get(path, 422, outcome="odd"))["field"] == "outcome"
    cut = await api.get(path, since=instants[3], until=instants[1])
    assert [item["first"] for item in cut["items"]] == instants[1:4]
    await api.get("/tasks/999/ledger", 404)


async def test_many_instants_in_one_row_are_one_entry_found_by_any_of_them(api: Api) -> None:
    task, last = await daily(api)
    first, end = last - 900 * MINUTE, last - 10 * MINUTE
    await write(api, task, first, Status.MISSED, reason="superseded", instants=891, scheduled_until=end)
    (entry,) = (await api.get(f"/tasks/{task}/ledger"))["items"]
    assert entry["count"] == 891
    inside = (last - 300 * MINUTE).isoformat()
    assert (await api.get(f"/tasks/{task}/ledger", since=inside))["total"] == 1
    why = await api.get(f"/tasks/{task}/why", at=inside)
    assert (why["code"], why["entry"]["execution_id"]) == ("superseded", entry["execution_id"])
    assert (await api.get(f"/tasks/{task}/ledger", since=(last - 5 * MINUTE).isoformat()))["total"] == 0


async def test_a_pause_that_goes_on_is_an_entry_and_its_end_a_row(api: Api) -> None:
    task, last = await daily(api)
    async with api.database.write() as session:
        await session.execute(update(world.S).values(next_run_at=last - 4 * MINUTE))
    await api.post(f"/tasks/{task}/toggle")
    (entry,) = (await api.get(f"/tasks/{task}/ledger"))["items"]
    assert (entry["outcome"], entry["code"], entry["execution_id"]) == ("skipped", "paused", None)
    assert entry["count"] >= 5
    why = await api.get(f"/tasks/{task}/why", at=(last - 2 * MINUTE).isoformat())
    assert why["code"] == "paused"
    now = await api.get(f"/tasks/{task}/why")
    assert now["code"] == "paused_now_by"
    assert now["text"].startswith("admin paused it at ")
    zh = (await api.client.get(f"/tasks/{task}/why", headers=ZH)).json()
    assert "暂停了它" in zh["text"]
    await api.post(f"/tasks/{task}/toggle")
    (entry,) = (await api.get(f"/tasks/{task}/ledger"))["items"]
    assert (entry["code"], entry["count"] >= 5, entry["execution_id"] is None) == ("paused", True, False)


async def test_what_is_due_and_nobody_has_fired_is_said(api: Api) -> None:
    task, last = await daily(api)
    async with api.database.write() as session:
        await session.execute(update(world.S).values(next_run_at=last - 4 * MINUTE))
    (entry,) = (await api.get(f"/tasks/{task}/ledger", page_size=1))["items"]
    assert (entry["outcome"], entry["code"]) == ("pending", "not_fired")
    assert (await api.get(f"/tasks/{task}/ledger", page=2, page_size=1))["items"] == []


async def test_why_answers_for_instants_without_a_row(api: Api) -> None:
    task, last = await daily(api)
    path = f"/tasks/{task}/why"
    assert (await api.get(path, at=(last - 30 * MINUTE).isoformat()))["code"] == "no_record"
    assert (await api.get(path, at=(last + 5 * MINUTE).isoformat()))["code"] == "to_come"
    odd = await api.get(path, at=(last - 30 * MINUTE + timedelta(seconds=7)).isoformat())
    assert odd["code"] == "not_scheduled"
    assert odd["facts"]["before"].startswith((last - 30 * MINUTE).strftime("%Y-%m-%dT%H:%M:00"))
    assert (await api.get(path, at=(last - timedelta(days=9)).isoformat()))["code"] == "before_creation"
    await api.get("/tasks/999/why", 404)
    manual = await api.task()
    assert (await api.get(f"/tasks/{manual['id']}/why", at=last.isoformat()))["code"] == "manual_only"
    assert (await api.get(f"/tasks/{manual['id']}/why"))["code"] == "manual_only"


async def test_why_now_names_what_holds_it_up(api: Api) -> None:
    task, _ = await daily(api)
    path = f"/tasks/{task}/why"
    assert (await api.get(path))["code"] == "next"
    over = await api.task(schedules=[{"kind": "once", "expr": "2036-01-01T00:00:00Z"}])
    async with api.database.write() as session:
        await session.execute(
            update(world.S).where(world.S.c.task_id == over["id"]).values(expr="2020-01-01T00:00:00Z")
        )
    assert (await api.get(f"/tasks/{over['id']}/why"))["code"] == "over"
    await api.post(f"/tasks/{task}/run")
    waiting = await api.get(path)
    assert (waiting["code"], waiting["facts"]["queue"]) == ("no_worker", "default")
    now = await now_of(api)
    await world.add_worker(api.database, queues=["default"], slots=2, running=2)
    async with api.database.write() as session:
        await session.execute(update(table_of(Worker)).values(heartbeat_at=now))
    other = await api.task(priority=1)
    await api.post(f"/tasks/{other['id']}/run")
    waiting = await api.get(path)
    assert waiting["code"] == "waiting_for_slot"
    assert {name: waiting["facts"][name] for name in ("before", "busy", "slots", "workers")} == {
        "before": 1, "busy": 2, "slots": 2, "workers": 1,
    }  # fmt: skip
    async with api.database.write() as session:
        got = await claims.claim(
            session, worker_id="wei", queues=["default"], limit=9, lease=60, now=await Clock().now(session)
        )
    assert (await api.get(path))["code"] == "running_now"
    await write(api, task, now, Status.WAITING)
    async with api.database.write() as session:
        mine = next(claim for claim in got if claim.task_id == task)
        await finish(session, [Result(mine.id, mine.token, Status.SUCCESS, now, now, "wei", exit_code=0)])
    assert (await api.get(path))["code"] == "waiting"


async def test_why_now_says_that_no_scheduler_is_at_work(api: Api) -> None:
    task = await api.task(cron="* * * * *")
    assert (await api.get(f"/tasks/{task['id']}/why"))["code"] == "scheduler_never"
    async with api.database.write() as session:
        await facts.beat(session, now=await Clock().now(session) - timedelta(minutes=5))
    silent = await api.get(f"/tasks/{task['id']}/why")
    assert silent["code"] == "scheduler_silent"
    assert "Next run at" in silent["text"]


async def test_why_now_says_what_the_calendar_leaves_out(api: Api) -> None:
    await daily(api)
    await api.post("/calendars", {"name": "x", "kind": "dates", "dates": ["2020-01-01"]}, 201)
    task = await api.task(schedules=[{"expr": "0 9 * * *", "calendar": "x"}])
    day = task["next_run_at"][:10]
    await api.client.put("/calendars/1", json={"name": "x", "kind": "dates", "dates": [day]})
    why = await api.get(f"/tasks/{task['id']}/why")
    assert why["code"] == "next_after_left_out"
    assert f"leaves out {day} 09:00:00: in the calendar" in why["text"]
    left_out = await api.get(f"/tasks/{task['id']}/why", at=f"{day}T09:00:00Z")
    assert left_out["code"] == "to_be_left_out"


async def gap(api: Api, start: datetime, end: datetime) -> None:
    async with api.database.write() as session:
        session.add(SchedulerGap(started_at=start, ended_at=end))


async def test_a_downtime_lists_what_was_due_and_runs_what_is_chosen(api: Api) -> None:
    task, last = await daily(api, name="夜间报表")
    start, end = last - 60 * MINUTE, last - 30 * MINUTE
    await gap(api, start, end)
    before = await write(api, task, start, Status.SUCCESS, created_at=start)
    missed = await write(api, task, start + 5 * MINUTE, Status.MISSED, reason="superseded", created_at=end)
    late = await write(
        api, task, start + 10 * MINUTE, Status.SUCCESS, created_at=end, token=1, started_at=end + timedelta(seconds=1)
    )
    (found,) = (await api.get("/downtime"))["items"]
    assert [item["execution_id"] for item in found["due"]] == [missed, late]
    assert before not in [item["execution_id"] for item in found["due"]]
    assert found["seconds"] == 1800
    assert (found["counts"]["missed"], found["counts"]["success"], found["more"]) == (1, 1, False)
    assert found["due"][0]["task_name"] == "夜间报表"
    assert found["due"][1]["lateness"] == 1201

    made = await api.post("/downtime/run", {"execution_ids": [missed, late, 999]}, 202)
    assert (made["succeeded"], made["failed"]) == (1, 2)
    new = made["results"][0]["execution_id"]
    run = await api.get(f"/executions/{new}")
    assert (run["trigger"], run["triggered_by"], run["status"]) == ("backfill", "admin", "queued")
    assert run["scheduled_for"] == found["due"][0]["first"]
    assert f"Execution {late} was not missed" in made["results"][1]["error"]
    again = await api.post("/downtime/run", {"execution_ids": [missed]}, 202)
    assert again["results"][0]["execution_id"] == new
    assert (await api.get(f"/tasks/{task}/ledger"))["total"] == 3, "what is made up for is no instant of its own"


async def test_downtimes_are_found_by_time(api: Api) -> None:
    _, last = await daily(api)
    await gap(api, last - timedelta(days=50), last - timedelta(days=49))
    await gap(api, last - 60 * MINUTE, last - 30 * MINUTE)
    assert (await api.get("/downtime"))["total"] == 1
    assert (await api.get("/downtime", since=(last - timedelta(days=60)).isoformat()))["total"] == 2
    assert (await api.get("/downtime", until=(last - timedelta(days=2)).isoformat(), since="2020-01-01T00:00:00Z"))[
        "total"
    ] == 1
    assert (await api.client.post("/downtime/run", json={"execution_ids": []})).status_code == 422


async def test_a_forecast_has_every_coming_instant_in_order(api: Api) -> None:
    hourly = await api.task(name="hourly", cron="0 * * * *")
    other = await api.task(name="other", cron="30 * * * *", queue="reports")
    await api.task(name="off", cron="* * * * *", enabled=False)
    await api.task(name="by hand")
    now = await now_of(api)
    start = now - timedelta(minutes=5)
    for seconds in (10, 20, 90):
        values: dict[str, Any] = {"token": 1, "started_at": start, "finished_at": start + timedelta(seconds=seconds)}
        await world.add_executions(api.database, hourly["id"], status=Status.SUCCESS, **values)
    found = await api.get("/schedule/forecast", hours=3)
    assert found["total"] == 6
    times = [item["at"] for item in found["items"]]
    assert times == sorted(times)
    assert {item["task_id"]: item["expected_seconds"] for item in found["items"]} == {
        hourly["id"]: 20.0,
        other["id"]: None,
    }
    assert found["complete_until"] == found["until"]
    assert {load["queue"]: (load["peak"], load["slots"]) for load in found["loads"]} == {
        "default": (1, 0),
        "reports": (1, 0),
    }
    assert len((await api.get("/schedule/forecast", hours=3, page=2, page_size=4))["items"]) == 2
    assert (await api.get("/schedule/forecast", 422, hours=169))["field"] == "hours"


async def test_a_forecast_cuts_what_fires_too_often_and_says_so(api: Api) -> None:
    task = await api.task(schedules=[{"kind": "interval", "expr": "1s"}])
    found = await api.get("/schedule/forecast", hours=168, page_size=500)
    (capped,) = found["capped"]
    assert (capped["task_id"], capped["shown"], found["total"]) == (task["id"], 500, 500)
    assert abs(capped["count"] - 168 * 3600) <= 2
    assert found["complete_until"] == capped["last"] == found["items"][-1]["at"]
