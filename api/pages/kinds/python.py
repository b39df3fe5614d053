"""The form of a Python task: a saved program, or one that is written here; what runs it."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from api.pages.kinds.base import KindForm, Typed, number, text
from common.db.session import ReadSession
from common.queries import programs

_FIELDS = ("program_id", "version", "interpreter")


def _parse(form: FormData) -> Typed:
    return {name: text(form, name) for name in _FIELDS}


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    return {name: "" if spec.get(name) is None else str(spec[name]) for name in _FIELDS}


def _values(typed: Typed) -> dict[str, Any]:
    return {
        "program_id": number(typed["program_id"]),
        "version": number(typed["version"]),
        "interpreter": typed["interpreter"].strip(),
    }


async def _show(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    rows, _total = await programs.page(session, page=1, page_size=500)
    found = [("", locale.gettext("None: the program below")), *((str(row.id), row.name) for row in rows)]
    chosen = typed["program_id"].strip()
    if chosen not in dict(found):
        found.append((chosen, locale.gettext("Program %(id)s", id=chosen)))
    return {"programs": found}


FORM = KindForm(_parse, _of_spec, _values, _show)
