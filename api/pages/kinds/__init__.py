"""Owns the part of a task's form that depends on its kind: one module a kind, one template in tasks/kinds."""

from collections.abc import Mapping

from api.pages.kinds import export, http, imports, python, shell, sql
from api.pages.kinds.base import KindForm as KindForm
from api.pages.kinds.base import Typed as Typed

FORMS: Mapping[str, KindForm] = {
    "shell": shell.FORM,
    "python": python.FORM,
    "sql": sql.FORM,
    "export": export.FORM,
    "import": imports.FORM,
    "http": http.FORM,
}
