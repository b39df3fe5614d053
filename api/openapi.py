"""The description of the API: FastAPI's, with our one shape of errors in place of its own."""

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong, in the reader's language; `field` and `errors` where a field is to blame.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "field": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_ANSWER = {
    "description": "What went wrong.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def install(app: FastAPI) -> None:
    """Describe the errors of every operation as they are."""
    made = app.openapi

    def describe() -> dict[str, Any]:
        known = app.openapi_schema is not None
        document = made()
        if not known:
            _with_problems(document)
        return document

    app.openapi = describe  # type: ignore[method-assign]


def _with_problems(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    schemas["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _ANSWER
