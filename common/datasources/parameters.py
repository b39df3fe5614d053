"""Named parameters, `:name`, as drivers want them. Values are never put into the text here: the driver binds them."""

from collections.abc import Mapping
from typing import Any

from common.datasources.scanner import PARAMETER, tokens


def names(statement: str, engine: str) -> set[str]:
    """What stands in a statement as `:name`, outside of strings and comments."""
    return {statement[each.start + 1 : each.end] for each in tokens(statement, engine) if each.kind == PARAMETER}


def rewritten(statement: str, values: Mapping[str, Any], style: str, engine: str) -> tuple[str, dict[str, Any]]:
    """A statement with the driver's marks for those of `values` that it names, and these values.

    A `:name` that has no value stays as it is: in some places it is no parameter (`:NEW.id`, a slice of an array).
    """
    found = [each for each in tokens(statement, engine) if each.kind == PARAMETER]
    used = {name: values[name] for each in found if (name := statement[each.start + 1 : each.end]) in values}
    if not used:
        return statement, {}
    parts, last = [], 0
    for each in found:
        name = statement[each.start + 1 : each.end]
        if name in used:
            parts += [_plain(statement[last : each.start], style), _mark(name, style)]
            last = each.end
    return "".join([*parts, _plain(statement[last:], style)]), used


def _plain(text: str, style: str) -> str:
    return text.replace("%", "%%") if style == "pyformat" else text


def _mark(name: str, style: str) -> str:
    return f"%({name})s" if style == "pyformat" else f":{name}"
