"""The form of an import: the file, the table, which column goes where, and what is done to the cells."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from api.pages.kinds.base import KindForm, Typed, number, text, texts
from api.pages.kinds.sources import choices
from common.db.session import ReadSession
from common.i18n import N_
from common.kinds.imports import Spec
from common.queries import uploads

_TEXTS = (
    "data_source_id", "upload_id", "task_id", "path", "sheet", "header_row", "mode", "key", "duplicates", "on_bad_row",
    "max_rejected", "encoding", "delimiter", "statement_timeout",
)  # fmt: skip
_BOXES = ("trim", "empty_is_null", "plain_width", "dry_run")
_NUMBERS = ("data_source_id", "upload_id", "task_id", "header_row", "max_rejected", "statement_timeout")
_USUAL: Mapping[str, Any] = {
    "data_source_id": "", "upload_id": "", "task_id": "", "path": "", "sheet": "", "header_row": "", "mode": "append",
    "key": "", "duplicates": "keep", "on_bad_row": "fail", "max_rejected": "1000", "encoding": "", "delimiter": "",
    "statement_timeout": "", "trim": True, "empty_is_null": True, "plain_width": True, "dry_run": False,
}  # fmt: skip
_MODES = (
    ("append", N_("Add the rows")),
    ("replace", N_("Empty it, then add the rows")),
    ("upsert", N_("Change known rows, add others")),
)
_BAD = (("fail", N_("Nothing is imported")), ("reject", N_("It is left out, and kept in a file")))
_DOUBLE = (("keep", N_("Import it again")), ("skip", N_("Leave it out")), ("fail", N_("Nothing is imported")))
_TYPES = (
    ("auto", N_("the table's")),
    ("text", N_("text")),
    ("integer", N_("whole number")),
    ("decimal", N_("number")),
    ("date", N_("date")),
    ("datetime", N_("date and time")),
    ("boolean", N_("yes or no")),
)
#: Lines that are free for further columns.
_ROOM = 3


def _parse(form: FormData) -> Typed:
    parts = [texts(form, f"column_{name}") for name in ("from", "to", "type", "format")]
    lines = [tuple(line) for line in zip(*parts, strict=False) if line[0].strip() or line[1].strip()]
    return {
        **{name: text(form, name) for name in _TEXTS},
        **{name: f"spec_{name}" in form for name in _BOXES},
        "columns": lines,
    }


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    plain = {name: "" if spec[name] is None else str(spec[name]) for name in _TEXTS if name in spec and name != "key"}
    own = {name: bool(spec[name]) for name in _BOXES if name in spec}
    lines = [(each["column"], each["to"], each["type"], each["format"]) for each in spec.get("columns", [])]
    return {**_USUAL, **plain, **own, "key": ", ".join(spec.get("key", [])), "columns": lines}


def _values(typed: Typed) -> dict[str, Any]:
    found: dict[str, Any] = {name: number(typed[name]) if name in _NUMBERS else typed[name] for name in _TEXTS}
    if found["max_rejected"] is None:
        found["max_rejected"] = Spec.model_fields["max_rejected"].default
    found["key"] = [part.strip() for part in typed["key"].replace("，", ",").split(",") if part.strip()]
    found["columns"] = [
        {"column": each[0], "to": each[1], "type": each[2] or "auto", "format": each[3].strip()}
        for each in typed["columns"]
    ]
    return found | {name: typed[name] for name in _BOXES}


async def _show(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    _ = locale.gettext

    def worded(options: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        return [(key, _(label)) for key, label in options]

    rows, _total = await uploads.page(session, page_size=200)
    files = [("", _("None")), *((str(row.id), f"{row.name} · {locale.stamp(row.created_at)}") for row in rows)]
    if typed["upload_id"] not in dict(files):
        files.append((typed["upload_id"], _("Upload %(id)s", id=typed["upload_id"])))
    return {
        "sources": await choices(session, typed["data_source_id"], locale),
        "uploads": files,
        "modes": worded(_MODES),
        "bad": worded(_BAD),
        "double": worded(_DOUBLE),
        "types": worded(_TYPES),
        "columns": [*typed["columns"], *([("", "", "auto", "")] * _ROOM)],
    }


FORM = KindForm(_parse, _of_spec, _values, _show)
