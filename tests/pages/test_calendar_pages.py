"""Calendars: the list, date lists of one's own, and the calendar of a task in its form."""

import re

import pytest

from common.services import tasks
from tests.pages.conftest import Person

FORM = {"name": "测试任务", "command": "echo hello", "schedule": "cron", "cron": "0 9 * * *", "timezone": "UTC"}
CALENDAR = {"name": "公司休息日 <b>", "dates": "2031-12-31\r\n2031-12-24\n\n"}


async def calendar(person: Person) -> str:
    """A stored date list; its id."""
    assert (await person.post("/ui/calendars/create", CALENDAR)).status_code == 303
    found = re.search(r"/ui/calendars/(\d+)/edit", await person.get("/ui/calendars"))
    assert found
    return found[1]


async def test_a_date_list_is_made_changed_and_deleted(alice: Person) -> None:
    assert "No calendar of your own" in await alice.get("/ui/calendars")
    id_ = await calendar(alice)
    page = await alice.get("/ui/calendars", lang="zh-CN")
    assert "公司休息日 &lt;b&gt;" in page
    assert "2 个日期，下一个 2031 年 12 月 24 日" in page
    assert "2031-12-24\n2031-12-31</textarea>" in await alice.get(f"/ui/calendars/{id_}/edit")
    await alice.post(f"/ui/calendars/{id_}/update", {"name": "Closed", "dates": "2001-01-01"})
    assert "1 date, all past" in await alice.get("/ui/calendars")
    assert "Delete Closed?" in (await alice.post(f"/ui/calendars/{id_}/delete")).text
    await alice.post(f"/ui/calendars/{id_}/delete", {"confirmed": "1"})
    assert "No calendar of your own" in await alice.get("/ui/calendars")


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"name": " "}, "name", "Must not be empty."),
        ({"name": "CN"}, "name", "is the name of a built-in calendar"),
        ({"dates": ""}, "dates", "Give one date at least"),
        ({"dates": "2031-12-31\nsoon"}, "dates", "“soon” is no date."),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    alice: Person, change: dict[str, str], field: str, message: str
) -> None:
    answer = await alice.post("/ui/calendars/create", {**CALENDAR, **change})
    assert answer.status_code == 422
    note = re.search(rf'<div class="invalid-feedback" id="n-{field}">(.*?)</div>', answer.text)
    assert note, answer.text
    assert message in note[1]


async def test_a_name_is_taken_once_and_a_calendar_in_use_stays(alice: Person) -> None:
    id_ = await calendar(alice)
    assert "exists already" in (await alice.post("/ui/calendars/create", CALENDAR)).text
    await alice.post("/ui/tasks/create", {**FORM, "calendar": id_, "calendar_rule": "never_on"})
    refused = await alice.post(f"/ui/calendars/{id_}/delete", {"confirmed": "1"})
    assert refused.status_code == 409
    assert "测试任务" in refused.text


async def test_a_task_keeps_its_calendar_through_its_form(alice: Person) -> None:
    id_ = await calendar(alice)
    made = await alice.post("/ui/tasks/create", {**FORM, "calendar": id_, "calendar_rule": "shift_next"})
    url = made.headers["location"]
    form = await alice.get(f"{url}/edit")
    assert f'<option value="{id_}" selected>' in form
    assert '<option value="shift_next" selected>' in form
    assert 'value="cron" checked' in form
    changed = {**FORM, "schedule": "interval", "every": "2", "unit": "h", "calendar": "FR:working_days"}
    await alice.post(f"{url}/update", changed)
    async with alice.database.read() as session:
        (row,) = (await tasks.view(session, int(url.rpartition("/")[2]))).schedules
    assert (row.kind, row.calendar_id, row.calendar_name, row.calendar_rule) == (
        "interval", None, "FR:working_days", "only_on",
    )  # fmt: skip
    assert '<option value="FR:working_days" selected>' in await alice.get(f"{url}/edit"), "one the list does not have"
    await alice.post(f"{url}/update", FORM)
    async with alice.database.read() as session:
        (row,) = (await tasks.view(session, int(url.rpartition("/")[2]))).schedules
    assert (row.expr, row.calendar_rule) == ("0 9 * * *", "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"calendar": "4711"}, "calendar"),
        ({"calendar": "XX"}, "calendar"),
        ({"calendar": "DE", "calendar_rule": "sometimes"}, "calendar_rule"),
        ({"calendar": "DE", "calendar_rule": "shift_next", "cron": "* * * * *"}, "calendar_rule"),
    ],
)
async def test_a_calendar_that_cannot_be_kept_is_refused(alice: Person, change: dict[str, str], field: str) -> None:
    answer = await alice.post("/ui/tasks/create", {**FORM, **change})
    assert answer.status_code == 422
    assert re.search(rf'class="invalid-feedback" id="n-{field}"', answer.text), answer.text


async def test_the_preview_keeps_to_the_calendar(alice: Person) -> None:
    url = "/ui/cron/preview?schedule=cron&cron=0 9 24 12 *&timezone=UTC&calendar="
    plain, kept = await alice.get(url), await alice.get(f"{url}{await calendar(alice)}&calendar_rule=never_on")
    assert "24 Dec 2031" not in kept
    assert "r-dst" not in plain
    assert "r-note o-failed" in await alice.get(f"{url}XX")
    assert "r-note o-failed" in await alice.get(f"{url}DE&calendar_rule=sometimes")
    assert "r-dst" in await alice.get(
        "/ui/cron/preview?schedule=cron&cron=0 9 25 12 *&calendar=DE&calendar_rule=shift_next"
    )


async def test_a_viewer_looks_and_changes_nothing(victor: Person) -> None:
    page = await victor.get("/ui/calendars")
    assert "China, public holidays" in page
    assert "New calendar" not in page
    for path in ("create", "1/update", "1/delete"):
        assert (await victor.post(f"/ui/calendars/{path}", {**CALENDAR, "confirmed": "1"})).status_code == 403
