"""Uploads in the pages, and the form of an import: nothing that is typed is lost on the way."""

from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import FormData, UploadFile

from api.pages.kinds import imports
from common.artifacts.folder import FolderStore
from common.kinds.imports import Spec
from tests.pages.conftest import Person
from tests.support.forms import fields
from tests.support.interleave import one_engine

TYPED: list[tuple[str, str | UploadFile]] = [
    ("spec_data_source_id", "5"),
    ("spec_upload_id", ""),
    ("spec_task_id", ""),
    ("spec_path", "/srv/in/*.xlsx"),
    ("spec_sheet", "订单"),
    ("spec_header_row", "3"),
    ("spec_mode", "upsert"),
    ("spec_key", "id， line"),
    ("spec_duplicates", "skip"),
    ("spec_on_bad_row", "reject"),
    ("spec_max_rejected", "5"),
    ("spec_encoding", "gb18030"),
    ("spec_delimiter", ";"),
    ("spec_statement_timeout", "1.5"),
    ("spec_trim", "true"),
    ("spec_dry_run", "true"),
    ("spec_column_from", "编号"),
    ("spec_column_to", "id"),
    ("spec_column_type", "integer"),
    ("spec_column_format", ""),
    ("spec_column_from", ""),
    ("spec_column_to", ""),
    ("spec_column_type", "auto"),
    ("spec_column_format", ""),
]


def test_what_is_typed_becomes_the_spec_and_comes_back() -> None:
    form = imports.FORM
    spec = Spec.model_validate(form.values(form.parse(FormData(TYPED))))
    usual = Spec(data_source_id=5, path="/srv/in/*.xlsx").model_dump(mode="json")
    assert spec.model_dump(mode="json") == {
        **usual,
        "sheet": "订单",
        "header_row": 3,
        "mode": "upsert",
        "key": ["id", "line"],
        "duplicates": "skip",
        "on_bad_row": "reject",
        "max_rejected": 5,
        "encoding": "gb18030",
        "delimiter": ";",
        "statement_timeout": 1.5,
        "empty_is_null": False,
        "plain_width": False,
        "dry_run": True,
        "columns": [{"column": "编号", "to": "id", "type": "integer", "format": ""}],
    }
    assert Spec.model_validate(form.values(form.of_spec(spec.model_dump(mode="json")))) == spec
    plain: dict[str, Any] = {**form.values(form.of_spec({})), "data_source_id": 5, "path": "/x"}
    assert Spec.model_validate(plain) == Spec(data_source_id=5, path="/x")


@pytest.fixture
def store(alice: Person, tmp_path: Path) -> FolderStore:
    made = FolderStore(tmp_path)
    alice.client._transport.app.state.store = made  # type: ignore[attr-defined]
    return made


@one_engine
async def test_a_file_is_brought_chosen_and_deleted(alice: Person, store: FolderStore) -> None:
    assert "No upload yet" in await alice.get("/ui/uploads")
    files = {"file": ("订单 <b>.csv", b"id,name\n1,a\n", "text/csv")}
    refused = await alice.client.post("/ui/uploads", data={"_csrf": await alice.token()}, files=files)
    assert (refused.status_code, "Must be a name for a file" in refused.text) == (422, True)
    files = {"file": ("订单.csv", b"id,name\n1,a\n", "text/csv")}
    made = await alice.client.post("/ui/uploads", data={"_csrf": await alice.token()}, files=files)
    assert made.status_code == 303, made.text
    page = await alice.get("/ui/uploads", lang="zh-CN")
    assert "订单.csv" in page
    assert page.count("alice，") == 1, "who has brought their own file is not named twice"
    form = fields(await alice.get("/ui/tasks/create?kind=import&spec_upload_id=1"), "task-form")
    assert form["spec_upload_id"] == "1"
    empty = await alice.post("/ui/tasks/create", form | {"name": "x", "command": "t", "spec_upload_id": ""})
    assert (empty.status_code, "Choose one file" in empty.text or "n-spec" in empty.text) == (422, True)
    assert "Delete 订单.csv?" in (await alice.post("/ui/uploads/1/delete")).text
    await alice.post("/ui/uploads/1/delete", {"confirmed": "1"})
    assert "No upload yet" in await alice.get("/ui/uploads")
