"""Users, for administrators."""

import re

from tests.pages.conftest import Person

FORM = {"username": "lin.yue", "display_name": "林悦 <i>", "email": "lin@example.com", "role": "operator"}


async def create(alice: Person, **form: str) -> int:
    """Lin Yue; gives the id."""
    answer = await alice.post("/ui/users/create", FORM | form)
    assert answer.status_code in (200, 303), answer.text
    found = re.search(r'href="/ui/users/(\d+)">lin.yue<', await alice.get("/ui/users?q=lin"))
    assert found
    return int(found[1])


async def test_a_new_user_gets_a_link_that_is_shown_once(alice: Person) -> None:
    answer = await alice.post("/ui/users/create", FORM)
    link = re.search(r"http://rota\.test(/ui/invitation\?token=[\w-]+)", answer.text)
    assert link
    alice.client.cookies.clear()
    assert "Welcome, lin.yue" in await alice.get(link[1])
    token = link[1].partition("token=")[2]
    form = {"token": token, "password": "a quite different pass phrase", "repeat": "something else"}
    differ = await alice.client.post("/ui/invitation", data=form)
    assert (differ.status_code, "The two passwords differ." in differ.text) == (422, True)
    done = await alice.client.post("/ui/invitation", data=form | {"repeat": form["password"]})
    assert done.headers["location"] == "/ui/home"
    await alice.get(link[1], 404)
    assert "lin.yue" in await alice.get("/ui/account")


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(alice: Person) -> None:
    answer = await alice.post("/ui/users/create", FORM | {"username": "alice", "email": "lin@example.com"})
    assert (answer.status_code, "The user name alice is taken." in answer.text) == (422, True)
    assert 'value="lin@example.com"' in answer.text
    answer = await alice.post("/ui/users/create", FORM | {"email": "no", "role": "root", "password": "short"})
    assert answer.text.count("invalid-feedback") == 2
    answer = await alice.post("/ui/users/create", FORM | {"password": "short"})
    assert "characters at least" in answer.text
    assert "short" not in answer.text.replace("shortcut", "")


async def test_the_list_is_searched_and_filtered(alice: Person) -> None:
    await create(alice)
    page = await alice.get("/ui/users")
    assert "林悦 &lt;i&gt;" in page
    assert "lin.yue" not in await alice.get("/ui/users?role=administrator")
    assert "Nobody like this" in await alice.get("/ui/users?q=%00zz&active=0&page=99999999")


async def test_a_user_is_changed_signed_out_disabled_and_deleted(alice: Person) -> None:
    user_id = await create(alice, password="correct horse battery staple")
    url = f"/ui/users/{user_id}"
    page = await alice.get(url)
    assert "to be changed at the next sign-in" in page
    saved = await alice.post(f"{url}/update", {"display_name": "Lin", "role": "viewer"})
    assert saved.status_code == 303
    page = await alice.get(url)
    assert 'value="Lin"' in page
    assert '<option value="viewer" selected>' in page
    assert 'name="may_create_code" value="true">' in page, "a box that is not ticked is off"
    wrong = await alice.post(f"{url}/update", {"role": "viewer", "password": "short"})
    assert (wrong.status_code, "characters at least" in wrong.text) == (422, True)
    assert "/ui/invitation?token=" in (await alice.post(f"{url}/invitation")).text
    assert (await alice.post(f"{url}/sign-out")).status_code == 303
    assert "Switch the second factor of lin.yue off?" in (await alice.post(f"{url}/totp-off")).text
    assert (await alice.post(f"{url}/totp-off", {"confirmed": "1"})).status_code == 303
    assert "Disable lin.yue?" in (await alice.post(f"{url}/disable")).text
    assert (await alice.post(f"{url}/disable", {"confirmed": "1"})).status_code == 303
    assert "lin.yue" in await alice.get("/ui/users?active=0")
    assert (await alice.post(f"{url}/enable")).status_code == 303
    assert (await alice.post(f"{url}/keys/1/delete")).status_code == 404
    assert "Delete lin.yue?" in (await alice.post(f"{url}/delete")).text
    assert (await alice.post(f"{url}/delete", {"confirmed": "1"})).status_code == 303
    await alice.get(url, 404)


async def test_nobody_locks_themselves_out(alice: Person) -> None:
    page = await alice.get("/ui/users/1")
    assert "/ui/users/1/delete" not in page
    wrong = await alice.post("/ui/users/1/update", {"role": "viewer"})
    assert (wrong.status_code, "Another administrator can." in wrong.text) == (422, True)
    assert (await alice.post("/ui/users/1/disable", {"confirmed": "1"})).status_code == 403
    await alice.get("/ui/users")
