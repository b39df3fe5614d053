"""Calendars over HTTP: made, used by schedules, changed, refused, and what they do to the next runs."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.support.interleave import one_engine

CLOSED = {"name": "公司休息日", "kind": "dates", "dates": ["2026-12-31", "2026-12-24", "2026-12-24"]}


async def calendar(api: Api, **fields: Any) -> Any:
    return await api.post("/calendars", CLOSED | fields, 201)


async def test_it_makes_changes_lists_and_deletes_calendars(api: Api) -> None:
    made = await calendar(api)
    assert made["dates"] == ["2026-12-24", "2026-12-31"]
    holidays = await api.post(
        "/api/calendars", {"name": "Bavaria", "kind": "holidays", "country": "de", "subdivision": "BY"}, 201
    )
    assert (holidays["country"], holidays["subdivision"], holidays["dates"]) == ("DE", "BY", [])
    page = await api.get("/calendars")
    assert [item["name"] for item in page["items"]] == ["Bavaria", "公司休息日"]
    assert await api.get(f"/calendars/{made['id']}") == made
    changed = await api.client.put(f"/calendars/{made['id']}", json=CLOSED | {"dates": ["2027-01-02"]})
    assert changed.json()["dates"] == ["2027-01-02"]
    assert (await api.client.delete(f"/calendars/{made['id']}")).json() == {"id": made["id"], "deleted": True}
    await api.get(f"/calendars/{made['id']}", 404)


@one_engine
async def test_it_names_what_is_wrong_with_a_calendar(api: Api) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "CN"}, "name"),
        ({"kind": "moon"}, "kind"),
        ({"dates": ["2026-02-30"]}, "dates.0"),
        ({"dates": ["0001-01-01"]}, "dates.0"),
        ({"dates": []}, "body"),
        ({"country": "DE"}, "body"),
        ({"kind": "holidays"}, "body"),
        ({"kind": "holidays", "country": "DE"}, "body"),
        ({"kind": "holidays", "country": "XX", "dates": []}, "country"),
        ({"kind": "holidays", "country": "DE", "subdivision": "XX", "dates": []}, "subdivision"),
        ({"id": 3}, "id"),
    ]
    for fields, field in bad:
        answer = await api.client.post("/calendars", json=CLOSED | fields)
        assert (answer.status_code, answer.json()["field"]) == (422, field), fields
    await calendar(api)
    taken = await api.client.post("/calendars", json=CLOSED)
    assert (taken.status_code, taken.json()["field"]) == (409, "name")
    other = await calendar(api, name="other")
    assert (await api.client.put(f"/calendars/{other['id']}", json=CLOSED)).status_code == 409
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/days?year=2026")):
        answer = await api.client.request(method, f"/calendars/999{path}", json=CLOSED if method == "PUT" else None)
        assert answer.status_code == 404, (method, path)


@one_engine
async def test_it_shows_the_days_of_a_year(api: Api) -> None:
    made = await calendar(api)
    year = await api.get(f"/calendars/{made['id']}/days", year=2026)
    assert [day["date"] for day in year["days"]] == ["2026-12-24", "2026-12-31"]
    china = await api.get("/calendars/built-in/CN/days", year=2026)
    assert {"date": "2026-10-01", "working": False, "name": {"en": "National Day", "zh": "国庆节"}} in china["days"]
    assert (china["announced"], china["note"]) == (True, None)
    guessed = await api.get("/calendars/built-in/CN/days", year=2099)
    assert not guessed["announced"]
    assert "2099" in guessed["note"]
    assert (await api.get("/calendars/built-in/CN/days", 422, year=20000))["field"] == "year"
    await api.get("/calendars/built-in/XX/days", 404, year=2026)
    countries = {item["country"]: item["subdivisions"] for item in await api.get("/calendars/built-in")}
    assert "CA" in countries["US"]
    assert "CN" in countries


async def test_a_schedule_keeps_to_a_calendar_by_name_or_id(api: Api) -> None:
    made = await calendar(api)
    schedules = [
        {"expr": "0 9 * * *", "calendar": "CN:working_days"},
        {"expr": "0 10 * * *", "calendar": "公司休息日", "calendar_rule": "shift_next"},
        {"expr": "0 11 * * *", "calendar_id": made["id"]},
    ]
    task = await api.task(schedules=schedules, timezone="Asia/Shanghai")
    shown = [(item["calendar"], item["calendar_id"], item["calendar_rule"]) for item in task["schedules"]]
    assert shown == [
        ("CN:working_days", None, "only_on"), (None, made["id"], "shift_next"), (None, made["id"], "never_on"),
    ]  # fmt: skip
    assert task["cron"] is None
    same = await api.client.put(f"/tasks/{task['id']}", json={"description": "new"})
    assert same.json()["schedules"] == task["schedules"]
    one = await api.task(schedules=[{"expr": "0 9 * * *", "calendar": "DE"}])
    assert one["cron"] is None, "the field alone would lose the calendar"


@one_engine
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"calendar": "XX"}, "schedules.0.calendar"),
        ({"calendar_id": 999}, "schedules.0.calendar_id"),
        ({"calendar_rule": "never_on"}, "schedules.0.calendar"),
        ({"calendar": "DE", "calendar_rule": "sometimes"}, "schedules.0.calendar_rule"),
        ({"calendar": "DE", "calendar_rule": "shift_next", "expr": "* * * * *"}, "schedules.0.calendar_rule"),
        ({"calendar": "old", "calendar_rule": "only_on"}, "schedules.0.calendar"),
    ],
)
async def test_a_calendar_that_cannot_be_kept_is_refused(api: Api, fields: dict[str, Any], field: str) -> None:
    await calendar(api, name="old", dates=["2020-01-01"])
    schedule = {"expr": "0 9 * * *"} | fields
    answer = await api.client.post("/tasks", json={"name": "x", "command": "true", "schedules": [schedule]})
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_a_calendar_in_use_stays(api: Api) -> None:
    made = await calendar(api)
    task = await api.task(name="夜间报表", schedules=[{"expr": "0 9 * * *", "calendar_id": made["id"]}])
    refused = await api.client.delete(f"/calendars/{made['id']}", headers={"Accept-Language": "en"})
    assert refused.status_code == 409
    assert "夜间报表" in refused.json()["detail"]
    await api.client.delete(f"/tasks/{task['id']}")
    assert (await api.client.delete(f"/calendars/{made['id']}")).status_code == 200


async def test_a_changed_calendar_moves_the_next_run(api: Api) -> None:
    made = await calendar(api, dates=["2020-01-01"])
    task = await api.task(schedules=[{"expr": "0 9 * * *", "calendar_id": made["id"]}])
    first = task["next_run_at"]
    await api.client.put(f"/calendars/{made['id']}", json=CLOSED | {"dates": [first[:10]]})
    moved = await api.get(f"/tasks/{task['id']}")
    assert moved["next_run_at"] > first
    assert moved["schedules"][0]["next_run_at"] == moved["next_run_at"]
    shown = await api.get(f"/tasks/{task['id']}/next-run", count=1)
    assert shown["next"][0]["utc"] == moved["next_run_at"]
    assert "skipped" in shown["next"][0]["note"]


async def test_cron_next_keeps_to_a_calendar(api: Api) -> None:
    query = {"expr": "0 9 * * *", "timezone": "Asia/Shanghai", "after": "2026-09-30T12:00:00Z", "count": 2}
    answer = await api.get("/cron/next", **query, calendar="CN", calendar_rule="never_on")
    assert [item["local"][:10] for item in answer["next"]] == ["2026-10-04", "2026-10-08"]
    assert answer["next"][0]["note"] == "1 Oct: National Day → skipped, and 2 more"
    made = await calendar(api, dates=["2026-10-01"])
    answer = await api.get("/api/cron/next", **query, calendar=made["name"])
    assert answer["next"][0]["local"][:10] == "2026-10-02"
    assert (await api.get("/cron/next", 422, **query, calendar="XX"))["field"] == "calendar"
    assert (await api.get("/cron/next", 422, **query, calendar_rule="never_on"))["field"] == "calendar"


async def test_cron_next_says_how_many_others_fire_then(api: Api) -> None:
    for _ in range(2):
        await api.task(cron="0 0 1 1 *")
    await api.task(cron="0 0 1 1 *", enabled=False)
    after = await api.get("/cron/next", expr="0 0 1 1 *", count=1)
    assert after["warnings"] == ["Collides with 2 other tasks at 00:00."]
    assert (await api.get("/cron/next", expr="1 0 1 1 *", count=1))["warnings"] == []
