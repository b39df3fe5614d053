"""The form of an export: what is typed becomes the spec, and the spec what was typed; nothing is lost on the way."""

from typing import Any

from starlette.datastructures import FormData, UploadFile

from api.formats import UTC_ZONE, Locale
from api.pages.kinds import export
from common.db.session import Database
from common.kinds.export import Spec
from tests.pages.conftest import NOW

FORM = export.FORM
TYPED: list[tuple[str, str | UploadFile]] = [
    ("spec_data_source_id", "5"),
    ("spec_format", "csv"),
    ("spec_file_name", "{{ date }} 周报"),
    ("spec_sheet", "订单"),
    ("spec_timezone", "Asia/Shanghai"),
    ("spec_when_empty", "fail"),
    ("spec_decimals", "text"),
    ("spec_encoding", "gb18030"),
    ("spec_delimiter", ";"),
    ("spec_max_rows", ""),
    ("spec_max_size", "5MB"),
    ("spec_max_memory", ""),
    ("spec_query_timeout", "60"),
    ("spec_guard", ""),
    ("spec_parameters", "since=2026-01-01\r\nleast = 3\r\n\r\nnothing="),
    ("spec_sheet_name", "客户"),
    ("spec_sheet_query", "SELECT 1\r\nFROM c"),
    ("spec_sheet_name", ""),
    ("spec_sheet_query", " "),
]


def test_what_is_typed_becomes_the_spec_and_comes_back() -> None:
    spec = Spec.model_validate(FORM.values(FORM.parse(FormData(TYPED))))
    assert spec.model_dump(mode="json") == {
        **Spec(data_source_id=5).model_dump(mode="json"),
        "format": "csv",
        "file_name": "{{ date }} 周报",
        "sheet": "订单",
        "timezone": "Asia/Shanghai",
        "when_empty": "fail",
        "decimals": "text",
        "encoding": "gb18030",
        "delimiter": ";",
        "max_size": 5_000_000,
        "query_timeout": 60.0,
        "guard": None,
        "formulas_as_text": False,
        "parameters": {"since": "2026-01-01", "least": 3, "nothing": ""},
        "sheets": [{"name": "客户", "query": "SELECT 1\nFROM c"}],
    }
    again = Spec.model_validate(FORM.values(FORM.of_spec(spec.model_dump(mode="json"))))
    assert again == spec


def test_a_new_form_is_what_the_model_means_without_being_told() -> None:
    values: dict[str, Any] = {**FORM.values(FORM.of_spec({})), "data_source_id": 5}
    assert Spec.model_validate(values) == Spec(data_source_id=5)


async def test_the_template_gets_its_choices_in_words(database: Database) -> None:
    locale = Locale(lang="zh_CN", now=NOW, zone=UTC_ZONE)
    async with database.read() as session:
        shown = await FORM.show(session, FORM.of_spec({"data_source_id": 5}), locale)
    assert [key for key, _label in shown["sources"]] == ["5"], "what is chosen is shown, also when it is gone"
    assert shown["sheets"] == [("", "")]
    assert dict(shown["empty"])["skip"] == "不生成文件"
    assert "{{ task_name }}" in shown["names"]
