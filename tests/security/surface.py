"""All that can be asked of the application, from the application itself: a new route is under attack at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.access import RIGHT, require_administrator
from api.auth import (
    require_page_person,
    require_page_user,
    require_person,
    require_right,
    require_settled,
    require_user,
)
from common.domain.permissions import ADMINISTRATOR, OPERATOR, VIEWER, Right

SAFE = {"GET", "HEAD", "OPTIONS"}
#: Dependencies without which nobody gets in.
SIGNED_IN = {
    require_user,
    require_person,
    require_settled,
    require_right,
    require_page_person,
    require_page_user,
}
#: What stands for a part of a path that is no id.
WORDS = {"action": "pause", "name": "CN", "path": "rota.css", "version": "1"}
#: An id that nothing has.
NOTHING = 987_654_321


@dataclass(frozen=True)
class Entry:
    """One method of one path; `role` is the least that may use it (None: no sign-in), `need` the right on its task."""

    method: str
    path: str
    role: str | None
    need: Right | None
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_page(self) -> bool:
        return self.path.startswith("/ui")

    @property
    def is_api(self) -> bool:
        return not self.is_page and not self.path.startswith("/static")

    def at(self, **ids: int) -> str:
        """The path with these ids, and words or an id that nothing has for the rest."""

        def value(match: re.Match[str]) -> str:
            name = match[1].partition(":")[0]
            return str(ids.get(name) or WORDS.get(name) or NOTHING)

        return re.sub(r"{([^}]+)}", value, self.path)


def entries(app: FastAPI) -> list[Entry]:
    """Every method of every path but the twins below /api, HEAD and OPTIONS. What is below /api only is no twin."""
    found = {}
    contexts = list(iter_route_contexts(app.routes))
    roots = {(each.path_format or each.path, method) for each in contexts for method in each.methods or ()}
    for context in contexts:
        path = context.path_format or context.path
        if path is None:
            continue
        dependant = getattr(context, "dependant", None) or getattr(context.original_route, "dependant", None)
        extra = getattr(context, "openapi_extra", None) or {}
        for method in set(context.methods or ()) - {"HEAD", "OPTIONS"}:
            if path.startswith("/api") and (path.removeprefix("/api") or "/", method) in roots:
                continue
            role = _role(method, dependant)
            found[method, path] = Entry(method, path, role, _need(method, path, extra), extra)
    return [found[key] for key in sorted(found, key=lambda key: (key[1], key[0]))]


def unseen(app: FastAPI) -> set[str]:
    """What of the application are no routes with methods (other applications, websockets): nothing here attacks it."""
    return {
        f"{type(each.original_route).__name__} {each.path}"
        for each in iter_route_contexts(app.routes)
        if not each.methods
    }


def _calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


def _role(method: str, dependant: Dependant | None) -> str | None:
    calls = set(_calls(dependant)) if dependant else set()
    names = {getattr(call, "__name__", "") for call in calls}
    if require_administrator in calls or "_administrator" in names:
        return ADMINISTRATOR
    if "_writer" in names or (require_right in calls and method not in SAFE):
        return OPERATOR
    return VIEWER if calls & SIGNED_IN else None


def _need(method: str, path: str, extra: Mapping[str, Any]) -> Right | None:
    if not re.search(r"{(task|execution|artifact)_id}", path):
        return None
    declared = extra.get(RIGHT)
    return Right[declared.upper()] if declared else Right.VIEW if method in SAFE else Right.EDIT


def body_of(app: FastAPI, entry: Entry) -> Any:
    """The smallest body that the OpenAPI document says an entry takes; None where it takes none, or may do without."""
    document = app.openapi()
    operation = document["paths"].get(entry.path, {}).get(entry.method.lower(), {})
    body = operation.get("requestBody")
    if not body or not body.get("required"):
        return None
    content = body["content"]
    return _example((content.get("application/json") or next(iter(content.values())))["schema"], document)


def _example(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _example(schema[key][0], document)
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", [])
            return {name: _example(schema["properties"][name], document) for name in wanted}
        case "array":
            return [_example(schema["items"], document)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "x" * max(1, schema.get("minLength", 1))
