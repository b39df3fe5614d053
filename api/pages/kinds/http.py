"""The form of an HTTP task."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from api.pages.kinds.base import KindForm, Typed, number, text
from common.db.session import ReadSession
from common.kinds.http import Spec

_TEXTS = ("method", "headers", "body", "expected", "timeout", "max_bytes", "save_as")
_BOXES = ("redirects", "verify_tls", "any_address")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


def _parse(form: FormData) -> Typed:
    return {
        **{name: text(form, name) for name in _TEXTS},
        **{name: f"spec_{name}" in form for name in _BOXES},
    }


def _of_spec(spec: Mapping[str, Any]) -> Typed:
    whole = Spec().model_dump(mode="json") | dict(spec)
    return {
        **{name: str(whole[name]) for name in ("method", "body", "max_bytes", "save_as")},
        "timeout": f"{whole['timeout']:g}",
        "headers": "\n".join(f"{name}: {value}" for name, value in whole["headers"].items()),
        "expected": ", ".join(whole["expected"]),
        **{name: bool(whole[name]) for name in _BOXES},
    }


def _values(typed: Typed) -> dict[str, Any]:
    pairs = [line.partition(":") for line in typed["headers"].split("\n") if line.strip()]
    return {
        "method": typed["method"] or "GET",
        "headers": {name.strip(): value.strip() for name, _, value in pairs},
        "body": typed["body"],
        "expected": [each for each in re.split(r"[\s,，;；、]+", typed["expected"]) if each] or ["2xx"],
        "timeout": number(typed["timeout"]) if typed["timeout"].strip() else 30,
        "max_bytes": number(typed["max_bytes"]) if typed["max_bytes"].strip() else 10_000_000,
        "save_as": typed["save_as"].strip(),
        **{name: typed[name] for name in _BOXES},
    }


async def _show(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    return {"methods": [(each, each) for each in _METHODS]}


FORM = KindForm(_parse, _of_spec, _values, _show)
