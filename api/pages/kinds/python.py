"""The form of a Python task: a saved program, or one that is written here; what runs it, what it may query."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from api.pages.kinds.base import KindForm, Typed, number, text, texts
from api.pages.kinds.sources import choices
from common.db.session import ReadSession
from common.queries import programs

_FIELDS = ("program_id", "version", "interpreter")


def _parse(form: FormData) -> Typed:
    return {**{name: text(form, name) for name in _FIELDS}, "data_source_ids": texts(form, "data_source_ids")}


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    plain = {name: "" if spec.get(name) is None else str(spec[name]) for name in _FIELDS}
    return {**plain, "data_source_ids": [str(each) for each in spec.get("data_source_ids", [])]}


def _values(typed: Typed) -> dict[str, Any]:
    return {
        "program_id": number(typed["program_id"]),
        "version": number(typed["version"]),
        "interpreter": typed["interpreter"].strip(),
        "data_source_ids": [number(each) for each in typed["data_source_ids"]],
    }


async def _show(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    rows, _total = await programs.page(session, page=1, page_size=500)
    found = [("", locale.gettext("None: the program below")), *((str(row.id), row.name) for row in rows)]
    chosen = typed["program_id"].strip()
    if chosen not in dict(found):
        found.append((chosen, locale.gettext("Program %(id)s", id=chosen)))
    sources = [option for option in await choices(session, "", locale) if option[0]]
    known = dict(sources)
    sources += [
        (each, locale.gettext("Data source %(id)s", id=each)) for each in typed["data_source_ids"] if each not in known
    ]
    return {"programs": found, "sources": sources}


FORM = KindForm(_parse, _of_spec, _values, _show)
