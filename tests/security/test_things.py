"""What belongs to somebody, whatever it is: another's answers like an id that nothing has, in paths and in fields.

A thing is made through the API's own `POST /things`, with the example of the OpenAPI document; a new kind of thing, a
new route that names one and a new field that refers to one are under attack without a line here.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from common.db.models import UserIdentity, metadata
from common.domain.permissions import ADMINISTRATOR, OPERATOR, ROLES, VIEWER
from common.kinds import KINDS
from tests.api.conftest import Api
from tests.security.people import signed_in
from tests.security.surface import NOTHING, Entry, body_of, entries
from tests.security.test_bodies import placed
from tests.security.test_surface import Objects, ask, told_apart
from tests.support.world import NOW

#: Things that are everybody's to see, by design.
EVERYBODYS = {"calendar_id"}
#: Parts of paths that tell nothing by themselves, or belong to a thing that comes before them in the path.
PARTS = {"action", "expires", "name", "number", "signature", "version"}
#: These `test_surface.py` makes, with every right one may have on them.
TASKS = {"task_id", "execution_id", "artifact_id"}
#: Bodies whose fields depend on each other, which no example in a schema can say.
BODIES = {
    "/calendars": {"name": "Off", "kind": "dates", "dates": ["2026-12-31"]},
    "/data-sources": {"name": "shop", "kind": "postgresql", "host": "db.example", "database": "shop"},
}
#: What else a spec needs, where one of several fields must be there.
ONE_OF = {"import": ({"path": "/srv/in/orders.csv"},)}
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def people(api: Api) -> AsyncIterator[dict[str, Api]]:
    """One of each role, and li, whose things they are after. Ids are no numbers an answer has for another reason."""
    async with api.database.write() as session:
        have = set(await session.scalars(text("SELECT name FROM sqlite_sequence")))
        for number, table in enumerate(sorted(metadata.tables.keys() - have), 4):
            await session.execute(
                text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), {"name": table, "seq": number * 1_000_000}
            )
    async with signed_in(api.app, "vera:viewer", "otto:operator", "li:operator") as found:
        yield {VIEWER: found["vera"], OPERATOR: found["otto"], ADMINISTRATOR: api, "li": found["li"]}


def collections(app: FastAPI) -> dict[str, Entry]:
    """For each thing that a path names: how one is made."""
    found = entries(app)
    made = {}
    for entry in found:
        match = re.fullmatch(r"(/[\w/-]+)/{(\w+)(?::\w+)?}", entry.path)
        if match and entry.is_api and match[2] not in TASKS:
            maker = next((each for each in found if (each.method, each.path) == ("POST", match[1])), None)
            if maker is not None:
                made[match[2]] = maker
    return made


async def make(app: FastAPI, owner: Api, admin: Api) -> dict[str, int | str]:
    """One of each thing, of `owner` where anybody may make one, else of the administrator."""
    made: dict[str, int | str] = {}
    for name, entry in collections(app).items():
        person = admin if entry.role == ADMINISTRATOR else owner
        answer = await person.client.request("POST", entry.path, json=BODIES.get(entry.path) or body_of(app, entry))
        assert answer.status_code == 201, (entry, answer.text)
        body = answer.json()
        made[name] = next(each["id"] for each in (body, *body.values()) if isinstance(each, dict) and "id" in each)
    sessions = (await owner.client.get("/auth/sessions")).json()
    rows = sessions["items"] if isinstance(sessions, dict) else sessions
    made["session_id"] = rows[0]["id"]
    made["identity_id"] = await connect(owner)
    return made


async def connect(person: Api) -> int:
    """An identity of theirs at a sign-in service, which only that service could make."""
    me = (await person.client.get("/auth/me")).json()["id"]
    row = UserIdentity(user_id=me, issuer="https://id.example.com", subject="7", created_at=NOW, last_login_at=NOW)
    async with person.database.write() as session:
        session.add(row)
    assert row.id is not None
    return row.id


def named(entry: Entry) -> set[str]:
    return set(_PARAMETER.findall(entry.path)) - PARTS


def nothing(value: int | str) -> int | str:
    """An id of the same form that nothing has."""
    return NOTHING if isinstance(value, int) else "0" * len(value)


async def test_every_thing_that_a_path_names_is_made_by_a_test(app: FastAPI, people: dict[str, Api]) -> None:
    made = await make(app, people["li"], people[ADMINISTRATOR])
    for entry in entries(app):
        # What only administrators may name hides nothing from anybody else: test_surface sees to the role.
        assert entry.role == ADMINISTRATOR or named(entry) <= made.keys() | TASKS, entry


async def test_another_s_thing_answers_like_one_that_is_not_there(app: FastAPI, people: dict[str, Api]) -> None:
    made = await make(app, people["li"], people[ADMINISTRATOR])
    asked = 0
    for role in (VIEWER, OPERATOR):
        for entry in entries(app):
            names = named(entry)
            if not names or names & (TASKS | EVERYBODYS) or entry.role is None:
                continue
            body = body_of(app, entry)
            foreign = {name: made.get(name, NOTHING) for name in names}
            absent = {name: nothing(value) for name, value in foreign.items()}
            answers = [
                await ask(people[role], entry, body, **ids)  # type: ignore[arg-type]
                for ids in (foreign, absent)
            ]
            where = (role, entry, [each.status_code for each in answers], answers[0].text[:300])
            if ROLES.index(role) < ROLES.index(entry.role):
                assert [each.status_code for each in answers] == [403, 403], where
            else:
                assert answers[0].status_code in (404, 422), where
                texts = [each.text for each in answers]
                for one, other in zip(foreign.values(), absent.values(), strict=True):
                    texts = [text.replace(str(one), "ID").replace(str(other), "ID") for text in texts]
                assert texts[0] == texts[1], where
            asked += 1
    assert asked > 30
    # Their owner has them still: they were there, and nobody took them away.
    for name in made.keys() - {"session_id", "identity_id"} - EVERYBODYS - {"user_id", "team_id", "task_id", "key_id"}:
        entry = next(each for each in entries(app) if each.method == "GET" and named(each) == {name} and each.is_api)
        assert (await ask(people["li"], entry, None, **{name: made[name]})).status_code == 200  # type: ignore[arg-type]


def references(schema: Mapping[str, Any], document: Mapping[str, Any], at: tuple[str | int, ...] = ()) -> Iterator[Any]:
    """Where in a body ids of things stand, and the name of the thing."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**document.get("components", {}).get("schemas", {}), **document.get("$defs", {})}[name]
    for each in [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        yield from references(each, document, at)
    for name, each in schema.get("properties", {}).items():
        if name == "ids":
            yield (*at, name), "task_id"
        elif re.fullmatch(r"\w+_ids?", name):
            yield (*at, name), name.removesuffix("s")
        yield from references(each, document, (*at, name))
    if isinstance(schema.get("items"), dict):
        yield from references(schema["items"], document, (*at, 0))


def fields(app: FastAPI) -> Iterator[tuple[Entry, dict[str, Any], tuple[str | int, ...], str]]:
    """Every field of every body that refers to something, with the rest of a body that is right."""
    document = app.openapi()
    for entry in entries(app):
        operation = document["paths"].get(entry.path, {}).get(entry.method.lower(), {})
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for at, thing in dict(references(content["schema"], document)).items() if content else ():
            yield entry, body_of(app, entry) or {}, at, thing
    create = next(each for each in entries(app) if (each.method, each.path) == ("POST", "/tasks"))
    for name, kind in KINDS.items():
        schema = kind.spec.model_json_schema()
        spec = {key: example(value) for key, value in schema.get("properties", {}).items() if _wanted(key, schema)}
        for at, thing in dict(references(schema, schema)).items():
            # Some kinds take either a command or what the field refers to, or one of several fields.
            for command, more in (("pass", {}), ("", {}), *(("pass", each) for each in ONE_OF.get(name, ()))):
                body = {"name": "x", "kind": name, "command": command, "spec": spec | more}
                yield create, body, ("spec", *at), thing


def _wanted(key: str, schema: Mapping[str, Any]) -> bool:
    return key in schema.get("required", ())


def example(schema: Mapping[str, Any]) -> Any:
    """A value for a field of a spec that must be there."""
    if schema.get("examples"):
        return schema["examples"][0]
    return {"integer": 1, "string": "x", "array": [], "object": {}}.get(schema.get("type", ""), 1)


def merged(body: dict[str, Any], at: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The body with the value at its place, and the rest of what stands there."""
    sent = placed(at, value)
    first = str(at[0])
    if isinstance(body.get(first), dict) and isinstance(sent[first], dict):
        return {**body, first: {**body[first], **sent[first]}}
    return {**body, **sent}


async def test_a_foreign_id_in_a_field_is_none(app: FastAPI, people: dict[str, Api]) -> None:
    """Every field that refers to something: another's is answered like one that nothing has."""
    otto = people[OPERATOR]
    objects = Objects(app.state.database, (await otto.get("/auth/me"))["id"], OPERATOR)
    await objects.make()
    made = await make(app, people["li"], people[ADMINISTRATOR])
    made |= dict(zip(("task_id", "execution_id", "artifact_id"), objects.ids["foreign"], strict=False))
    own = objects.ids["own"][0]
    own_source = (await otto.post("/data-sources", BODIES["/data-sources"], 201))["id"]
    found, named_by = set(), set()
    for entry, body, at, thing in fields(app):
        if thing in EVERYBODYS or entry.role == ADMINISTRATOR:
            continue
        assert thing in made, (entry, at, "nothing of this name can be made: how is it to be attacked?")
        many = str(at[-1]).endswith("s")
        answers = []
        for value in (made[thing], NOTHING):
            sent = merged(body, at, [value] if many else value)
            if "data_source_id" in body.get("spec", {}) and at[-1] != "data_source_id":
                sent["spec"]["data_source_id"] = own_source
            answers.append(await otto.client.request(entry.method, entry.at(task_id=own), json=sent))
        ids = {thing: int(made[thing])}
        assert not told_apart(answers[0], answers[1], ids), (entry, at, [each.text[:300] for each in answers])
        found.add((body.get("kind"), entry.path, at))
        if "spec" in at and answers[0].status_code == 422 and answers[0].json()["field"] == ".".join(map(str, at)):
            named_by.add((body["kind"], entry.path, at))
    assert len(found) >= 5, found
    # Not refused for another reason: what a task may not be given is named.
    assert named_by == {each for each in found if "spec" in each[2]}
    assert named_by


def test_the_spec_of_every_kind_refuses_what_it_does_not_know() -> None:
    for name, kind in KINDS.items():
        schema = kind.spec.model_json_schema()
        for part in [schema, *schema.get("$defs", {}).values()]:
            if part.get("properties"):
                assert part.get("additionalProperties") is False, (name, part.get("title"))
