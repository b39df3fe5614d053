"""The form of a shell task."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.pages.kinds.base import KindForm, Typed


def _parse(form: FormData) -> Typed:
    return {"keep_files": "spec_keep_files" in form}


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    return {"keep_files": bool(spec.get("keep_files"))}


def _values(typed: Typed) -> dict[str, Any]:
    return {"keep_files": typed["keep_files"]}


FORM = KindForm(_parse, _of_spec, _values)
