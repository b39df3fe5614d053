"""Data sources over the API: passwords go in and never come out, and a test says in plain words what is wrong."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from common.security.encryption import Keyring, new_key
from common.services import keys
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.support.interleave import one_engine
from tests.support.rota_process import free_port
from tests.support.shop import Shop

PASSWORD = "p@ss/wörd 密码"
SHOP = {"name": "shop", "kind": "postgresql", "host": "db.example", "database": "shop", "username": "reader"}


@pytest.fixture
async def people(api: Api) -> AsyncIterator[dict[str, Api]]:
    async with signed_in(api.app, "olga:operator", "otto:operator", "vera:viewer") as found:
        yield {**found, "admin": api}


async def source(person: Api, **fields: Any) -> Any:
    return await person.post("/data-sources", {**SHOP, "password": PASSWORD, **fields}, 201)


def configured(api: Api, **settings: Any) -> None:
    api.app.state.settings = api.app.state.settings.model_copy(update=settings)


async def test_a_password_goes_in_and_never_comes_out(api: Api) -> None:
    made = await source(api, description="of the shop")
    assert (made["has_password"], made["port"], made["tls"], made["scope"], made["owner"]) == (
        True, 5432, "off", "own", "admin",
    )  # fmt: skip
    url = f"/data-sources/{made['id']}"
    answers = [made, await api.get(url), await api.get("/data-sources"), await api.get("/audit")]
    changed = await api.client.put(url, json={"password": "another-s3cr3t", "description": "of the bank"})
    answers += [changed.json(), await api.get(url), await api.get("/audit")]
    for answer in answers:
        assert PASSWORD not in str(answer)
        assert "another-s3cr3t" not in str(answer)
    assert (await api.get(url))["description"] == "of the bank"
    assert (await api.client.delete(url)).status_code == 200
    assert (await api.client.get(url)).status_code == 404


async def test_it_goes_to_no_other_place_unasked(api: Api) -> None:
    url = f"/data-sources/{(await source(api))['id']}"
    for change in (
        {"host": "evil.example"},
        {"port": 5433},
        {"kind": "mysql"},
        {"username": "root"},
        {"tls": "require"},
    ):
        for method, path in (("PUT", url), ("POST", f"{url}/test")):
            answer = await api.client.request(method, path, json=change)
            assert (answer.status_code, answer.json()["field"]) == (422, "password"), change
    kept = await api.client.put(url, json={"database": "bank", "read_only": True, "statement_timeout": 5, "port": 5432})
    assert kept.status_code == 200, kept.text
    moved = await api.client.put(url, json={"host": "new.example", "password": PASSWORD})
    assert (moved.status_code, moved.json()["host"], moved.json()["statement_timeout"]) == (200, "new.example", 5.0)
    dropped = await api.client.put(url, json={"password": "", "host": "other.example", "statement_timeout": None})
    assert (dropped.json()["has_password"], dropped.json()["statement_timeout"]) == (False, None)


@one_engine
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "db2"}, "kind"),
        ({"host": ""}, "host"),
        ({"host": "db.example:5432"}, ""),
        ({"host": "postgresql://db.example"}, "host"),
        ({"port": 70_000}, "port"),
        ({"database": ""}, "database"),
        ({"kind": "sqlserver", "tls": "verify"}, "tls"),
        ({"tls_ca": "-----BEGIN CERTIFICATE-----"}, "tls_ca"),
        ({"tls": "verify", "tls_ca": "no certificate"}, "tls_ca"),
        ({"kind": "sqlite"}, "host"),
        ({"kind": "sqlite", "host": "", "username": "", "password": "", "database": "shop.db"}, "database"),
        ({"kind": "sqlite", "host": "", "username": "", "password": "", "database": "/etc/passwd"}, "database"),
        ({"statement_timeout": 0}, "statement_timeout"),
        ({"name": " "}, "name"),
        ({"scope": "all"}, "scope"),
        ({"pasword": "x"}, "pasword"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, fields: dict[str, Any], field: str) -> None:
    answer = await api.client.post("/data-sources", json={**SHOP, "password": PASSWORD, **fields})
    if not field:  # an address of version 6 has colons too: whether it is one shows when it is looked up
        assert answer.status_code == 201
        return
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert PASSWORD not in answer.text


async def test_rota_s_own_database_is_refused(api: Api) -> None:
    own = api.database.engine.url
    configured(api, database_url=SecretStr(own.render_as_string(hide_password=False)), sqlite_folders=["/"])
    fields: dict[str, Any] = {"name": "own", "kind": own.get_backend_name(), "database": own.database}
    if own.host:
        fields |= {"host": "localhost", "port": own.port, "username": "somebody"}
    for made in ("/data-sources", "/data-sources/test"):
        answer = await api.client.post(made, json=fields)
        told = answer.json().get("detail") or answer.json()["message"]
        assert "Rota's own database" in told, answer.text
    answer = await api.client.post("/data-sources", json=fields)
    assert (answer.status_code, answer.json()["field"]) == (422, "database")
    other = await api.post("/data-sources", SHOP, 201)
    moved = await api.client.put(
        f"/data-sources/{other['id']}", json=fields | {"host": (own.host and "127.0.0.1") or ""}
    )
    assert moved.status_code == 422, "nor by changing one that was something else"


async def test_whose_it_is_decides_who_sees_and_uses_it(people: dict[str, Api]) -> None:
    own = await source(people["olga"])
    refused = await people["olga"].client.post("/data-sources", json={**SHOP, "scope": "everyone"})
    assert refused.status_code == 403
    shared = await source(people["admin"], scope="everyone")
    assert [each["id"] for each in (await people["otto"].get("/data-sources"))["items"]] == [shared["id"]]
    assert (await people["otto"].client.get(f"/data-sources/{own['id']}")).status_code == 404
    assert (await people["otto"].client.post(f"/data-sources/{own['id']}/test")).status_code == 404
    url = f"/data-sources/{shared['id']}"
    assert (await people["otto"].client.put(url, json={"host": "mine.example", "password": "x"})).status_code == 403
    assert (await people["otto"].client.delete(url)).status_code == 403
    assert (await people["vera"].get("/data-sources"))["items"] == []
    assert (await people["vera"].client.post("/data-sources", json=SHOP)).status_code == 403
    same = await people["olga"].client.post("/data-sources", json=SHOP)
    assert (same.status_code, same.json()["field"]) == (409, "name")
    found = await people["admin"].get("/data-sources", search="db.EXAMPLE", kind="postgresql", page_size=1)
    assert (found["total"], len(found["items"])) == (2, 1)
    assert (await people["admin"].get("/data-sources", kind="mysql"))["total"] == 0


async def test_what_a_task_uses_is_not_deleted_by_mistake(people: dict[str, Api]) -> None:
    made, others = await source(people["olga"]), await source(people["otto"])
    fields = {"name": "weekly", "kind": "python", "command": "import rota"}
    refused = await people["olga"].client.post("/tasks", json={**fields, "spec": {"data_source_ids": [others["id"]]}})
    assert (refused.status_code, refused.json()["field"]) == (422, "spec.data_source_ids")
    task = await people["olga"].post("/tasks", {**fields, "spec": {"data_source_ids": [made["id"], made["id"]]}}, 201)
    assert task["spec"]["data_source_ids"] == [made["id"]]
    url = f"/data-sources/{made['id']}"
    assert (await people["olga"].get(url))["used_by"] == [{"id": task["id"], "name": "weekly"}]
    answer = await people["olga"].client.delete(url)
    assert answer.status_code == 409
    assert "weekly" in answer.json()["detail"]
    assert (await people["olga"].client.delete(f"{url}?force=true")).status_code == 200


@one_engine
async def test_the_key_that_seals_passwords_is_changed_with_the_others(api: Api) -> None:
    made = await source(api)
    keyring: Keyring = api.app.state.keyring
    before = keyring.keys()[0]
    keyring.store([new_key(), before])
    assert await keys.reseal(api.database, keyring) == 1
    keyring.store(keyring.keys()[:1])
    answer = await api.client.post(f"/data-sources/{made['id']}/test")
    assert (answer.status_code, answer.json()["problem"]) == (200, "name"), "it was opened with the new key"


@one_engine
async def test_a_test_says_what_works_and_in_plain_words_what_does_not(api: Api, shop: Shop) -> None:
    configured(api, sqlite_folders=["/"])
    made = await api.post("/data-sources", shop.values(), 201)
    url = f"/data-sources/{made['id']}"
    good = await api.post(f"{url}/test")
    assert (good["ok"], good["problem"], good["message"]) == (True, None, "")
    assert good["version"]
    if shop.kind == "sqlite":
        gone = await api.post(f"{url}/test", {"database": f"{shop.url.database}-gone"})
        assert (gone["ok"], gone["problem"]) == (False, "file")
        return
    password = {"password": shop.url.password}
    trials: dict[str, dict[str, Any]] = {
        "name": {"host": "no-such-host.invalid", **password},
        "port": {"port": free_port(), **password},
        "database": {"database": "no_such_database"},
        "tls": {"tls": "verify", **password},
        "password": {"password": "wrong"},
    }
    for problem, change in trials.items():
        answer = await api.post(f"{url}/test", change)
        assert (answer["ok"], answer["problem"]) == (False, problem), answer
        assert answer["message"]
        unsaved = await api.post("/data-sources/test", {**shop.values(), **change})
        assert unsaved["problem"] == problem
    chinese = await api.client.post(f"{url}/test", json=trials["port"], headers={"Accept-Language": "zh-CN"})
    assert chinese.json()["message"] != (await api.post(f"{url}/test", trials["port"]))["message"]
    entries = (await api.get("/audit", action="data_source.test"))["items"]
    assert {entry["details"]["problem"] for entry in entries} >= {"", "port", "name"}
    assert str(shop.url.password) not in str(entries)
