"""Pages about files: on the execution that left them, all of them, a link to one, its end."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from common.artifacts.folder import FolderStore
from tests.api.test_artifacts import NAME, add_file
from tests.pages.conftest import Person


@pytest.fixture
def store(app: FastAPI, tmp_path: Path) -> FolderStore:
    found = FolderStore(tmp_path / "artifacts")
    app.state.store = found
    return found


async def test_an_execution_shows_its_files_and_they_can_be_had_by_a_link_and_deleted(
    app: FastAPI, alice: Person, store: FolderStore
) -> None:
    task = await alice.task()
    execution = await alice.execution(task, warnings=2)
    file = await add_file(alice.database, store, execution, task, content=b"x" * 1500)
    page = await alice.get(f"/ui/executions/{execution}", lang="zh-CN")
    assert NAME in page
    assert "1.5 kB" in page
    assert f'href="/artifacts/{file}" download' in page
    assert (await alice.client.get(f"/artifacts/{file}")).content == b"x" * 1500
    assert "2 warnings" in await alice.get("/ui/executions")

    made = await alice.post(f"/ui/files/{file}/link")
    assert made.status_code == 200
    link = re.search(r"http://rota\.test(/files/[^<]+)<", made.text)
    assert link
    path = urlsplit(link[1]).path
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://rota.test") as stranger:
        assert (await stranger.get(path)).status_code == 200
        assert "End its links" in await alice.get(f"/ui/executions/{execution}")
        assert (await alice.post(f"/ui/files/{file}/revoke")).status_code == 303
        assert (await stranger.get(path)).status_code == 404
    assert f"Delete {NAME}?" in (await alice.post(f"/ui/files/{file}/delete")).text
    assert (await alice.post(f"/ui/files/{file}/delete", {"confirmed": "1"})).status_code == 303
    assert "No file like this" in await alice.get(f"/ui/files?q={NAME[:2]}")


async def test_all_files_are_listed_page_by_page_and_found_by_name(alice: Person, store: FolderStore) -> None:
    assert "No files yet" in await alice.get("/ui/files")
    task = await alice.task(name="<b>报表</b>")
    execution = await alice.execution(task)
    for number in range(52):
        await add_file(alice.database, store, execution, task, f"part {number}<i>.csv", b"xx", number=number)
    page = await alice.get("/ui/files")
    assert "52 files, 104 B" in page
    assert "part 51&lt;i&gt;.csv" in page
    assert "part 1&lt;i&gt;.csv" not in page
    assert "&lt;b&gt;报表" in page
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    rest = await alice.get(older[1].replace("&amp;", "&"))
    assert "part 1&lt;i&gt;.csv" in rest
    assert "To the newest" in rest
    assert "1 file, 2 B" in await alice.get("/ui/files?q=part+17")
    assert "No file like this" in await alice.get("/ui/files?q=nothing&before=x")


async def test_who_may_only_look_has_no_buttons(victor: Person, store: FolderStore) -> None:
    task = await victor.task()
    execution = await victor.execution(task)
    file = await add_file(victor.database, store, execution, task)
    page = await victor.get(f"/ui/executions/{execution}")
    assert f"/artifacts/{file}" in page
    assert f"/ui/files/{file}" not in page
    assert (await victor.post(f"/ui/files/{file}/link")).status_code == 403
