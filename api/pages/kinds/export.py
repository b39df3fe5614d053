"""The form of an export."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from api.pages.kinds import parameters
from api.pages.kinds.base import KindForm, Typed, number, text, texts
from api.pages.kinds.sources import choices
from common.db.session import ReadSession
from common.domain.file_names import NAMES
from common.i18n import N_

_TEXTS = (
    "data_source_id",
    "format",
    "file_name",
    "sheet",
    "timezone",
    "when_empty",
    "decimals",
    "encoding",
    "delimiter",
    "max_rows",
    "max_size",
    "max_memory",
    "query_timeout",
    "guard",
    "parameters",
)
_USUAL: Mapping[str, str] = {
    "data_source_id": "",
    "format": "xlsx",
    "file_name": "{{ task_name }}-{{ date }}",
    "sheet": "Sheet1",
    "timezone": "UTC",
    "when_empty": "send",
    "decimals": "number",
    "encoding": "utf-8-sig",
    "delimiter": ",",
    "max_rows": "",
    "max_size": "100000000",
    "max_memory": "512000000",
    "query_timeout": "3600",
    "guard": "50",
    "parameters": "",
}
_FORMATS = (("xlsx", "Excel (.xlsx)"), ("csv", "CSV"), ("parquet", "Parquet"))
_EMPTY = (
    ("send", N_("A file with nothing but its header")),
    ("skip", N_("No file")),
    ("fail", N_("The export fails")),
)
_DECIMALS = (("number", N_("Numbers")), ("text", N_("Text")))
_ENCODINGS = (("utf-8-sig", N_("UTF-8 with a mark, as Excel wants it")), ("utf-8", "UTF-8"), ("gb18030", "GB 18030"))
_DELIMITERS = ((",", N_("Comma")), (";", N_("Semicolon")), ("\t", N_("Tab")), ("|", "|"))
_NUMBERS = ("data_source_id", "max_rows", "query_timeout", "guard")
#: What an empty field leaves to the model; an empty guard is none.
_LEFT_OUT = ("max_size", "max_memory", "query_timeout", "sheet", "file_name", "timezone")


def _parse(form: FormData) -> Typed:
    sheets = list(zip(texts(form, "sheet_name"), texts(form, "sheet_query"), strict=False))
    return {
        **{name: text(form, name) for name in _TEXTS},
        "formulas_as_text": "spec_formulas_as_text" in form,
        "sheets": [pair for pair in sheets if any(part.strip() for part in pair)],
    }


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    plain = {name: str(spec[name]) if spec.get(name) is not None else "" for name in _TEXTS if name in spec}
    if "parameters" in spec:
        plain["parameters"] = parameters.shown(spec["parameters"])
    return {
        **_USUAL,
        **plain,
        "formulas_as_text": spec.get("formulas_as_text", True),
        "sheets": [(sheet["name"], sheet["query"]) for sheet in spec.get("sheets", [])],
    }


def _values(typed: Typed) -> dict[str, Any]:
    found: dict[str, Any] = {name: number(typed[name]) if name in _NUMBERS else typed[name] for name in _TEXTS}
    found = {name: value for name, value in found.items() if name not in _LEFT_OUT or value not in ("", None)}
    found["parameters"] = parameters.values(typed["parameters"])
    found["sheets"] = [{"name": name, "query": query} for name, query in typed["sheets"]]
    return found | {"formulas_as_text": typed["formulas_as_text"]}


def _shown_options(typed: Typed, locale: Locale) -> dict[str, Any]:
    _ = locale.gettext

    def worded(options: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        return [(key, _(label)) for key, label in options]

    return {
        "formats": _FORMATS,
        "empty": worded(_EMPTY),
        "decimals": worded(_DECIMALS),
        "encodings": worded(_ENCODINGS),
        "delimiters": worded(_DELIMITERS),
        "sheets": [*typed["sheets"], ("", "")],
        "names": ", ".join(f"{{{{ {name} }}}}" for name in NAMES),
    }


async def _show(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    return _shown_options(typed, locale) | {"sources": await choices(session, typed["data_source_id"], locale)}


FORM = KindForm(_parse, _of_spec, _values, _show)
