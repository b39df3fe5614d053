"""The form of a SQL task."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from api.pages.kinds import parameters
from api.pages.kinds.base import KindForm, Typed, number, text
from api.pages.kinds.sources import choices
from common.db.session import ReadSession
from common.i18n import N_

_TEXTS = ("data_source_id", "parameters", "transaction", "on_error", "statement_timeout", "first_rows", "timezone")
_USUAL: Mapping[str, str] = {
    "data_source_id": "",
    "parameters": "",
    "transaction": "one",
    "on_error": "stop",
    "statement_timeout": "",
    "first_rows": "20",
    "timezone": "UTC",
}
_TRANSACTIONS = (
    ("one", N_("One for all: everything or nothing")),
    ("each", N_("One for each statement")),
    ("none", N_("None: the script commits itself")),
)
_ON_ERROR = (("stop", N_("Stop")), ("continue", N_("Go on with the next statement")))


def _parse(form: FormData) -> Typed:
    return {**{name: text(form, name) for name in _TEXTS}, "read_only": "spec_read_only" in form}


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    plain = {name: "" if spec[name] is None else str(spec[name]) for name in _TEXTS if name in spec}
    shown = {"parameters": parameters.shown(spec["parameters"])} if "parameters" in spec else {}
    return {**_USUAL, **plain, **shown, "read_only": bool(spec.get("read_only"))}


def _values(typed: Typed) -> dict[str, Any]:
    return {
        "data_source_id": number(typed["data_source_id"]),
        "parameters": parameters.values(typed["parameters"]),
        "transaction": typed["transaction"] or "one",
        "on_error": typed["on_error"] or "stop",
        "statement_timeout": number(typed["statement_timeout"]),
        "first_rows": number(typed["first_rows"]) if typed["first_rows"].strip() else 20,
        "timezone": typed["timezone"].strip() or "UTC",
        "read_only": typed["read_only"],
    }


async def _show(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    _ = locale.gettext
    return {
        "sources": await choices(session, typed["data_source_id"], locale),
        "transactions": [(key, _(label)) for key, label in _TRANSACTIONS],
        "on_error": [(key, _(label)) for key, label in _ON_ERROR],
    }


FORM = KindForm(_parse, _of_spec, _values, _show)
