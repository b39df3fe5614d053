"""Programs: uploading and writing one, its versions with what changed, and the one that a task runs."""

import re

from common.services import users
from tests.pages.conftest import NOW, PASSWORD, Person

FIRST = "print('one')\nprint('same')\n"
SECOND = "print('two <b>')\nprint('same')\n"


async def program(person: Person) -> str:
    """A stored program; its address."""
    made = await person.post("/ui/programs/create", {"name": "日报.py", "source": FIRST, "note": "first"})
    assert made.status_code == 303, made.text
    return str(made.headers["location"])


async def test_a_program_is_written_changed_restored_and_deleted(alice: Person) -> None:
    assert "No program yet" in await alice.get("/ui/programs")
    url = await program(alice)
    assert "日报.py" in await alice.get("/ui/programs", lang="zh-CN")
    edit = await alice.get(f"{url}/edit")
    assert "print(&#39;same&#39;)" in edit
    assert 'data-code="python"' in edit
    form = {"name": "日报.py", "source": SECOND, "note": "second", "description": "daily", "version": "1"}
    assert (await alice.post(f"{url}/update", form)).status_code == 303
    page = await alice.get(url)
    assert "What version 2 changed" in page
    assert "+ print(&#39;two &lt;b&gt;&#39;)" in page
    assert "− print(&#39;one&#39;)" in page
    stale = await alice.post(f"{url}/update", form)
    assert stale.status_code == 422
    assert "Somebody has saved version 2 meanwhile" in stale.text
    assert "two &lt;b&gt;" in stale.text, "nothing typed is lost"
    assert "What version" not in await alice.get(f"{url}?version=1")
    assert (await alice.post(f"{url}/versions/1/restore")).status_code == 303
    assert "What version 3 changed" in await alice.get(url)
    assert "Delete 日报.py?" in (await alice.post(f"{url}/delete")).text
    await alice.post(f"{url}/delete", {"confirmed": "1"})
    assert "No program yet" in await alice.get("/ui/programs")


async def test_a_file_is_uploaded_and_what_does_not_compile_is_said(alice: Person) -> None:
    files = {"file": ("load.py", b"if x\n  pass\n", "text/x-python")}
    made = await alice.client.post("/ui/programs/upload", data={"_csrf": await alice.token()}, files=files)
    assert made.status_code == 303
    assert "Line 1: expected" in await alice.get(made.headers["location"])
    wrong = {"file": ("load.py", b"\xff\xfe", "text/x-python")}
    refused = await alice.client.post("/ui/programs/upload", data={"_csrf": await alice.token()}, files=wrong)
    assert refused.status_code == 422
    assert "Must be a text in UTF-8." in refused.text
    empty = await alice.post("/ui/programs/create", {"name": "a/b", "source": "x"})
    assert empty.status_code == 422
    assert "Must be a name for a file" in empty.text


async def test_a_task_runs_a_program_that_is_chosen_in_its_form(alice: Person) -> None:
    number = (await program(alice)).rpartition("/")[2]
    page = await alice.get("/ui/tasks/create?kind=python")
    assert f'<option value="{number}">日报.py</option>' in page
    form = {"kind": "python", "name": "nightly", "schedule": "manual", "timezone": "UTC", "spec_interpreter": "uv"}
    neither = await alice.post("/ui/tasks/create", form)
    assert neither.status_code == 422
    assert "Write a program, or choose a saved one." in neither.text
    made = await alice.post("/ui/tasks/create", {**form, "spec_program_id": number, "spec_version": "1"})
    assert made.status_code == 303, made.text
    edit = await alice.get(f"{made.headers['location'].partition('?')[0]}/edit")
    assert re.search(rf'<option value="{number}" selected>', edit)
    assert 'value="uv"' in edit
    assert "nightly" in await alice.get("/ui/programs")


async def test_an_http_task_is_made_in_its_form(alice: Person) -> None:
    form = {"kind": "http", "name": "hook", "schedule": "manual", "timezone": "UTC", "command": "https://example.com/x"}
    form |= {"spec_method": "POST", "spec_headers": "Authorization: Bearer ${T}\r\nX: 1", "spec_expected": "200, 404"}
    form |= {"spec_timeout": "5", "spec_verify_tls": "true", "spec_body": '{"a": 1}'}
    refused = await alice.post("/ui/tasks/create", {**form, "spec_expected": "700"})
    assert refused.status_code == 422
    made = await alice.post("/ui/tasks/create", form)
    assert made.status_code == 303, made.text
    edit = await alice.get(f"{made.headers['location'].partition('?')[0]}/edit")
    assert "Authorization: Bearer ${T}\nX: 1</textarea>" in edit
    assert 'value="200, 404"' in edit


async def test_who_may_use_a_program_only_does_not_change_it(alice: Person) -> None:
    made = await alice.post("/ui/programs/create", {"name": "all.py", "source": FIRST, "scope": "everyone"})
    url = made.headers["location"]
    await alice.get(f"{url}/edit")
    async with alice.database.write() as session:
        await users.create(session, "otto", PASSWORD, role="operator", now=NOW)
    alice.client.cookies.clear()
    await alice.client.post("/ui/login", data={"username": "otto", "password": PASSWORD})
    assert f"{url}/edit" not in await alice.get(url)
    assert "Only administrators" in await alice.get(f"{url}/edit", 403)
    form = {"name": "all.py", "source": SECOND, "version": "1"}
    assert (await alice.post(f"{url}/update", form)).status_code == 403


async def test_a_viewer_has_no_programs(victor: Person) -> None:
    await victor.get("/ui/programs", 403)
