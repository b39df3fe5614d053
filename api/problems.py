"""Errors as answers: application/problem+json for programs, a page for browsers, a toast for htmx.

No traceback, path or SQL leaves the house; an unexpected error carries an id that stands in the log.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api import refusals
from api.auth import LoginRequired
from api.rendering import render_error
from common.db.errors import is_away
from common.errors import DomainError, Invalid, NotAuthenticated, TooManyRequests, Unavailable
from common.i18n import N_, localized, negotiate, translations

M = TypeVar("M", bound=BaseModel)
log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"

#: Pydantic's error types in our words; the rest speaks for itself (in English).
_WORDS = {
    "missing": N_("This field is required."),
    "extra_forbidden": N_("There is no such field."),
    "string_type": N_("Must be a text."),
    "string_too_short": N_("Must not be empty."),
    "string_too_long": N_("Must not be longer than {max_length} characters."),
    "string_pattern_mismatch": N_("Has characters that are not allowed here."),
    "int_type": N_("Must be a whole number."),
    "int_parsing": N_("Must be a whole number."),
    "int_from_float": N_("Must be a whole number."),
    "float_type": N_("Must be a number."),
    "float_parsing": N_("Must be a number."),
    "bool_type": N_("Must be true or false."),
    "bool_parsing": N_("Must be true or false."),
    "dict_type": N_("Must be an object with names and values."),
    "list_type": N_("Must be a list."),
    "too_long": N_("Must not have more than {max_length} entries."),
    "too_short": N_("Must have {min_length} entries at least."),
    "greater_than": N_("Must be greater than {gt}."),
    "greater_than_equal": N_("Must be {ge} or more."),
    "less_than_equal": N_("Must be {le} or less."),
    "literal_error": N_("Must be one of {expected}."),
    "enum": N_("Must be one of {expected}."),
    "json_invalid": N_("The body is not valid JSON."),
    "datetime_parsing": N_("Must be a time such as 2026-03-29T08:00:00+08:00."),
    "datetime_from_date_parsing": N_("Must be a time such as 2026-03-29T08:00:00+08:00."),
    "finite_number": N_("Must be a finite number."),
    "model_attributes_type": N_("Must be an object with names and values."),
}


def install(app: FastAPI) -> None:
    """Answer every kind of error in the one shape."""
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LoginRequired, _login)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(OSError, _database)
    app.add_exception_handler(Exception, _unexpected)


def language(request: Request) -> str:
    """The language of the person who asks."""
    return negotiate(request.cookies.get("rota_lang"), request.headers.get("accept-language"))


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page."""
    return request.url.path.startswith("/ui") or (
        "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers
    )


def field_errors(errors: Sequence[Mapping[str, Any]], lang: str) -> list[dict[str, str]]:
    """Pydantic's errors as `field` and `message` in a language."""
    catalogue = translations(lang)
    found = []
    for error in errors:
        location = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
        context = error.get("ctx", {})
        # Our own errors (common.services.inputs.refuse) carry their source with them.
        template = _WORDS.get(error["type"]) or context.get("template")
        text = catalogue.gettext(template).format(**context) if template else str(error["msg"])
        found.append({"field": ".".join(location) or "body", "message": text})
    return found


def checked(model: type[M], values: Mapping[str, Any], lang: str) -> tuple[M | None, dict[str, str]]:
    """What a form describes, or what is wrong with it in a language, by field."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        items = field_errors(error.errors(include_url=False), lang)
        return None, {item["field"]: item["message"] for item in items}


def problem(
    request: Request,
    status: int,
    title: str,
    detail: str,
    *,
    code: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for an error."""
    if wants_page(request):
        return render_error(request, status=status, title=title, detail=detail, headers=headers)
    body: dict[str, Any] = {
        "type": f"urn:rota:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        body["field"] = errors[0]["field"]
        body["errors"] = list(errors)
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


async def _domain(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    lang = language(request)
    text = localized(error, lang)
    headers: dict[str, str] = {}
    await refusals.note(request, error)
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    errors = [{"field": error.field, "message": text}] if error.field else []
    title = translations(lang).gettext(error.title)
    return problem(request, error.status, title, text, code=error.code, errors=errors, headers=headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    lang = language(request)
    errors = field_errors(error.errors(), lang)
    detail = " ".join(f"{item['field']}: {item['message']}" for item in errors[:10])
    title = translations(lang).gettext(Invalid.title)
    return problem(request, 422, title, detail, code="invalid", errors=errors)


_HTTP_WORDS = {
    404: (N_("Not found"), N_("There is nothing at this address.")),
    405: (N_("Method not allowed"), N_("This address does not take that method.")),
    413: (N_("Too large"), N_("The request is larger than Rota takes.")),
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    gettext = translations(language(request)).gettext
    title, detail = _HTTP_WORDS.get(error.status_code, (N_("Bad request"), str(error.detail)))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return problem(request, error.status_code, gettext(title), gettext(detail), code="http", headers=headers)


def _methods(request: Request) -> list[str]:
    """What the address takes; the router knows only of the first of the routes that share it."""
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.path is not None and compile_path(route.path)[0].match(request.url.path):
            found |= set(route.methods or ())
    return sorted(found)


async def _login(request: Request, error: Exception) -> Response:
    assert isinstance(error, LoginRequired)
    if request.headers.get("hx-request") == "true":
        # Not back to where the fragment is: that is no page.
        return Response(status_code=401, headers={"HX-Redirect": error.location.partition("?")[0]})
    return RedirectResponse(error.location, status_code=303)


async def _database(request: Request, error: Exception) -> Response:
    """The database is away or picked this transaction as a victim: nothing was changed, trying again helps."""
    if is_away(error):
        log.warning("database away", path=request.url.path, error=type(error).__name__)
        return await _domain(request, Unavailable(N_("The database does not answer. Nothing was changed; try again.")))
    return await _unexpected(request, error)


async def _unexpected(request: Request, error: Exception) -> Response:
    reference = uuid4().hex[:12]
    log.error("unexpected error", path=request.url.path, reference=reference, exc_info=error)
    gettext = translations(language(request)).gettext
    detail = gettext(N_("Something went wrong in Rota. The log names it {reference}.")).format(reference=reference)
    return problem(request, 500, gettext(N_("Internal error")), detail, code="internal")
