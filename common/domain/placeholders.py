"""`${NAME}` in a text that somebody wrote: a value in its place, written as the place wants it."""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

_PLACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?:\|([a-z]+))?\}")


class NoValue(Exception):
    """There is no value of this name, or no such way to write it; the text says so."""


def _plain(value: str) -> str:
    return value


#: Ways to write a value: as it is, inside the quotes of JSON, in an address.
FORMS: Mapping[str, Callable[[str], str]] = {
    "raw": _plain,
    "json": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "url": lambda value: quote(value, safe=""),
}


def names(text: str) -> list[str]:
    """The names that stand in a text."""
    return [match[1] for match in _PLACE.finditer(text)]


def filled(text: str, values: Mapping[str, str], *, form: str = "raw") -> str:
    """The text with its values, written in `form` unless the place says otherwise (`${NAME|json}`); raises NoValue."""

    def put(match: re.Match[str]) -> str:
        name, way = match[1], match[2] or form
        if name not in values:
            raise NoValue(f"there is no value for ${{{name}}}: give the task a variable of that name")
        if way not in FORMS:
            raise NoValue(f"${{{name}|{way}}}: {way} is none of {', '.join(FORMS)}")
        return FORMS[way](values[name])

    return _PLACE.sub(put, text)
