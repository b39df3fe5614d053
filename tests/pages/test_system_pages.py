"""Settings without secrets, storage with what goes: as pages and over the API."""

from pathlib import Path

import pytest

from common.config import Settings
from common.services.effective import settings_of
from tests.pages.conftest import Person


def test_settings_say_where_they_come_from_and_never_a_secret(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        slots=7,
        secret_key="s" * 40,
        database_url="postgresql+asyncpg://rota:hunter2@db.example:5432/rota?sslpassword=hunter3",
        queues=["default", "gpu"],
        interpreters={"py312": "/opt/py312/bin/python"},
    )
    found = {each.name: each for each in settings_of(settings, {"ROTA_SLOTS": "7"})}
    assert (found["ROTA_SLOTS"].value, found["ROTA_SLOTS"].source) == ("7", "environment")
    assert (found["ROTA_QUEUES"].value, found["ROTA_QUEUES"].source) == ("default, gpu", "file")
    assert found["ROTA_LEASE"].source == "default"
    assert found["ROTA_INTERPRETERS"].value == "py312=/opt/py312/bin/python"
    assert (found["ROTA_IMPORT_FOLDERS"].is_set, found["ROTA_UV"].is_set) == (False, False)
    assert found["ROTA_DATABASE_URL"].value == "postgresql, db.example/rota"
    secret = found["ROTA_SECRET_KEY"]
    assert (secret.value, secret.is_set, secret.secret) == (None, True, True)
    assert (found["ROTA_ADMIN_PASSWORD"].is_set, found["ROTA_ADMIN_PASSWORD"].value) == (False, None)
    assert set(found) == {f"ROTA_{name.upper()}" for name in Settings.model_fields}
    assert not any("hunter" in str(each) or "ssss" in str(each) for each in found.values())


async def test_the_page_of_settings_is_for_administrators(alice: Person) -> None:
    page = await alice.get("/ui/settings")
    assert "ROTA_RETENTION_DAYS" in page
    assert "Address the web server listens on." in page
    chinese = await alice.get("/ui/settings", lang="zh-CN")
    assert "。 " not in chinese
    assert "服务器与数据库" in chinese
    assert "网页服务监听的地址。" in chinese
    assert "Address the web server listens on." not in chinese
    assert "<code>databases</code>" in chinese
    assert ">{}<" not in chinese, "what is empty is not set"


async def test_a_viewer_sees_no_settings(victor: Person) -> None:
    await victor.get("/ui/settings", 403)
    page = await victor.get("/ui/storage")
    assert "/ui/settings" not in page
    assert "Nothing is deleted within the next day." in page
    assert "Nothing is kept yet" in page


async def test_where_counting_takes_long_the_page_is_there_before_its_figures(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await alice.task(name="Big one")
    for _ in range(3):
        await alice.execution(task)
    monkeypatch.setattr("common.services.storage._QUICK", 2)
    page = await alice.get("/ui/storage")
    assert 'hx-get="/ui/storage" hx-trigger="load"' in page
    assert "Big one" not in page
    part = await alice.client.get("/ui/storage", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<div id="kept">')
    assert "Big one" in part.text
    assert "Big one" in await alice.get("/ui/storage?wait=1"), "for a browser without scripts"


async def test_the_page_of_storage_says_what_goes(alice: Person) -> None:
    task = await alice.task(name="Big one", max_history=1)
    for _ in range(3):
        await alice.execution(task, stdout_bytes=1_500)
    page = await alice.get("/ui/storage")
    assert "Within the next day 3 executions will be deleted." in page
    assert "Big one" in page
    assert "4.5 kB" in page
