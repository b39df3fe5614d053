"""Errors answer in the reader's language: of schedules, of fields, of calendars."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.support.interleave import one_engine

pytestmark = one_engine

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"cron": "99 * * * *"}, "cron", '"99" cannot be read as the minute field. It takes 0 to 59; * , - and /.'),
    (
        {"cron": "0 0 30 2 *"},
        "cron",
        '"0 0 30 2 *" never fires: no date is ever like that (30 February, for instance).',
    ),
    ({"cron": "* * *"}, "cron", "this has 3 fields."),
    ({"cron": "x"}, "cron", "this has 1 field: x."),
    ({"cron": "* * * * *", "timezone": "Asia/Beijing"}, "timezone", 'Did you mean "Asia/Shanghai"?'),
    ({"cron": {"hour": {}}}, "cron.hour", 'hour is a number or text such as "*/5" or "1-5".'),
    ({"schedules": [{"kind": "interval", "expr": "soon"}]}, "schedules.0.expr", '"soon" is not an interval.'),
    ({"env": {"{x}": "1"}}, "env", '"{x}" is not a variable name'),
    ({"env": {"ROTA_X": "1"}}, "env", '"ROTA_X": names that start with ROTA_ are set by Rota itself.'),
    ({"cwd": "here"}, "cwd", "Must be an absolute path"),
    ({"command": " "}, "command", "Must not be empty."),
    ({"cron": "* * * * *", "schedules": []}, "schedules", "Give either cron or schedules, not both."),
    (
        {"schedules": [{"expr": "0 9 * * *", "calendar": "{XX}"}]},
        "schedules.0.calendar",
        'There is no calendar "{XX}".',
    ),
]


@pytest.mark.parametrize(("fields", "field", "english"), CASES)
async def test_it_says_what_is_wrong_in_both_languages(
    api: Api, fields: dict[str, Any], field: str, english: str
) -> None:
    said = {}
    for lang in ("en", "zh-CN"):
        body = {"name": "x", "command": "true"} | fields
        answer = await api.client.post("/tasks", json=body, headers={"Accept-Language": lang})
        assert answer.status_code == 422
        assert answer.json()["field"] == field
        said[lang] = answer.json()["errors"][0]["message"]
    assert english in said["en"]
    assert any("\u4e00" <= character <= "\u9fff" for character in said["zh-CN"]), said["zh-CN"]
    assert "{" not in said["zh-CN"].replace("{x}", "").replace("{XX}", ""), "a place was not filled in"


async def test_what_only_shows_when_fields_meet_is_translated_too(api: Api) -> None:
    task = await api.task(cron="* * * * *")
    path = f"/tasks/{task['id']}"
    answer = await api.client.put(path, json={"env": {"1": "x"}}, headers={"Accept-Language": "zh"})
    assert answer.status_code == 422
    assert "变量名" in answer.json()["errors"][0]["message"]
