"""What is sent: fields that nobody may set by the way, and bodies, headers and lists that are too large."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlmodel import SQLModel

import common.db.models as models
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.security.surface import Entry, body_of, entries
from tests.security.test_surface import dump

#: OAuth2 clients send fields of their own (grant_type, scope); what is not user name or password is not read.
LENIENT = {"/auth/login", "/auth/register"}


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def otto(api: Api) -> AsyncIterator[Api]:
    async with signed_in(api.app, "otto:operator", "li:operator") as found:
        yield found["otto"]


def columns() -> set[str]:
    """Every column of every table: what a careless handler might copy from a body into a row."""
    tables = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, SQLModel)]
    return {name for table in tables for name in table.model_fields} | {"run_as", "is_admin", "password_hash", "_csrf"}


def bodies(app: FastAPI) -> Iterator[tuple[Entry, dict[str, Any], set[str]]]:
    """Every entry that takes an object, a body for it, and the names it may have."""
    document = app.openapi()
    for entry in entries(app):
        operation = document["paths"].get(entry.path, {}).get(entry.method.lower(), {})
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        schema = content["application/json"]["schema"]
        options = [schema, *schema.get("anyOf", [])]
        names: set[str] = set()
        for each in options:
            if "$ref" in each:
                each = document["components"]["schemas"][each["$ref"].rpartition("/")[2]]
            names |= set(each.get("properties", {}))
        if names:
            yield entry, body_of(app, entry) or {}, names


async def test_no_column_is_set_by_the_way(app: FastAPI, otto: Api, api: Api) -> None:
    """The columns of all tables, sent to each body that has no field of that name: 422 that names each of them."""
    task = (await otto.task())["id"]
    before = await dump(app.state.database)
    asked = 0
    for entry, body, names in bodies(app):
        if entry.path in LENIENT:
            continue
        foreign = columns() - names - {"task_ids"}
        # A column's own types vary; the name alone must be refused.
        sent = {**body, **dict.fromkeys(foreign, 1)}
        answer = await api.client.request(entry.method, entry.at(task_id=task, execution_id=1), json=sent)
        assert answer.status_code == 422, (entry, answer.status_code, answer.text[:200])
        assert {error["field"] for error in answer.json()["errors"]} >= foreign, (entry, answer.text[:1000])
        asked += len(foreign)
    assert asked > 500
    assert await dump(app.state.database) == before


def typed(
    schema: dict[str, Any], document: dict[str, Any], at: tuple[str | int, ...] = ()
) -> Iterator[tuple[Any, str]]:
    """Where in a body booleans and numbers stand, and which of the two."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") in ("boolean", "integer", "number"):
        yield at, schema["type"]
    for each in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        yield from typed(each, document, at)
    for name, each in schema.get("properties", {}).items():
        yield from typed(each, document, (*at, name))
    if isinstance(schema.get("items"), dict):
        yield from typed(schema["items"], document, (*at, 0))


def placed(at: tuple[str | int, ...], value: Any) -> Any:
    """The value at its place in a body."""
    for name in reversed(at):
        value = [value] if name == 0 else {name: value}
    return value


async def test_no_text_is_read_as_a_boolean_and_no_boolean_as_a_number(app: FastAPI, api: Api) -> None:
    """`"secret": "no"` must not store a plain text, `"older_than_days": false` not delete everything."""
    task = (await api.task())["id"]
    before = await dump(app.state.database)
    document = app.openapi()
    asked = 0
    for entry, body, _ in bodies(app):
        if entry.path in LENIENT:
            continue
        schema = document["paths"][entry.path][entry.method.lower()]["requestBody"]["content"]["application/json"]
        for at, kind in dict(typed(schema["schema"], document)).items():
            if not at or at[0] == 0:
                continue
            for value in ("no", "1") if kind == "boolean" else (False,):
                sent = {**body, **placed(at, value)}
                where = (entry, sent)
                answer = await api.client.request(entry.method, entry.at(task_id=task, execution_id=1), json=sent)
                assert answer.status_code == 422, (where, answer.status_code, answer.text[:200])
                fields = {error["field"] for error in answer.json()["errors"]}
                assert any(field.startswith(str(at[0])) for field in fields), (where, fields)
                asked += 1
    assert asked > 30
    assert await dump(app.state.database) == before


async def test_registering_takes_no_role(app: FastAPI, api: Api) -> None:
    app.state.settings = app.state.settings.model_copy(update={"registration": True})
    body = {"username": "eve", "password": "correct horse battery staple", "role": "administrator", "id": 1}
    answer = await api.client.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["role"]) == (201, "viewer")


def test_every_body_refuses_what_it_does_not_know(app: FastAPI) -> None:
    document = app.openapi()
    closed = {
        name
        for name, schema in document["components"]["schemas"].items()
        if schema.get("additionalProperties") is False
    }
    for entry in entries(app):
        operation = document["paths"].get(entry.path, {}).get(entry.method.lower(), {})
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = content.get("schema", {})
        for each in [schema, *schema.get("anyOf", [])]:
            if "$ref" in each and entry.path not in LENIENT:
                assert each["$ref"].rpartition("/")[2] in closed, entry


def test_no_table_is_a_body(app: FastAPI) -> None:
    """A SQLModel table as a body would take every column; none is in the document."""
    tables = {each.__name__ for each in vars(models).values() if isinstance(each, type) and issubclass(each, SQLModel)}
    used = {
        reference.rpartition("/")[2]
        for methods in app.openapi()["paths"].values()
        for operation in methods.values()
        for reference in [json.dumps(operation.get("requestBody", {})).partition('"$ref": "')[2].partition('"')[0]]
    }
    assert not used & tables
    assert issubclass(models.Task, BaseModel)


async def test_what_is_too_large_is_refused(app: FastAPI, api: Api) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    post = {"content-type": "application/json"}

    async def send(rest: str) -> httpx.Response:
        return await api.client.post("/tasks", content=f'{{"name": "x", "command": "x", {rest}}}', headers=post)

    cases = {
        "body": await api.client.post("/tasks", content=b" " * (9 * 1024 * 1024), headers=post),
        "body in pieces": await api.client.post("/tasks", content=_pieces(), headers=post),
        "depth": await send(f'"cron": {deep}'),
        "depth of a login": await api.client.post("/auth/login", content=deep, headers=post),
        "headers": await api.client.get("/tasks", headers=[(f"x-{number}", "y") for number in range(200)]),
        "page size": await api.client.get("/tasks?page_size=100000"),
        "page": await api.client.get(f"/tasks?page={10**30}"),
        "id": await api.client.get(f"/tasks/{10**30}"),
        "cron": await api.client.post("/tasks", json={"name": "x", "command": "x", "cron": "*," * 5000 + "* * * * *"}),
        "cron preview": await api.client.get("/cron/next", params={"expr": "*," * 5000 + "*"}),
        "count": await api.client.get("/cron/next", params={"expr": "* * * * *", "count": "1000000"}),
        "ids": await api.client.post("/tasks/bulk/delete", json={"ids": list(range(1, 5000))}),
        "name": await api.client.post("/tasks", json={"name": "x" * 100_000, "command": "x"}),
        "number": await send('"timeout": 1e999'),
        "digits": await send('"retries": ' + "9" * 10_000),
        "search": await api.client.get("/tasks", params={"search": "x" * 5000}),
    }
    wrong = {
        name: (answer.status_code, answer.text[:200])
        for name, answer in cases.items()
        if not 400 <= answer.status_code < 500
    }
    assert not wrong
    assert {answer.headers["content-type"] for answer in cases.values()} == {"application/problem+json"}


async def _pieces() -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(9):
        yield b" " * (1024 * 1024)


async def test_every_list_has_a_longest_page(app: FastAPI) -> None:
    for path, methods in app.openapi()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["name"] in ("page_size", "limit", "count", "tail", "hours", "page"):
                assert "maximum" in parameter["schema"], (path, parameter["name"])
