"""One way to write parameters, `:name`, for drivers that each want another."""

from __future__ import annotations

import re
from typing import Any

#: What is no place for a parameter (texts, quoted names, comments, casts), and parameters.
_TOKEN = re.compile(
    r"""
    (?P<skip> '(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | `[^`]*` | --[^\n]* | /\*.*?\*/ | \$(\w*)\$.*?\$\2\$ | :: | := )
    | (?<![:\w]):(?P<name>[A-Za-z_]\w*)
    | (?P<percent>%)
    """,
    re.VERBOSE | re.DOTALL,
)


def translate(sql: str, style: str) -> str:
    """The statement as a driver of this `paramstyle` ("named" or "pyformat") wants it.

    Only where there are parameters: a driver that is given none takes the statement as it is.
    """
    if style == "named":
        return sql

    def put(match: re.Match[str]) -> str:
        if match["name"]:
            return f"%({match['name']})s"
        # Also in texts: the driver looks for its places everywhere.
        return match[0].replace("%", "%%")

    return _TOKEN.sub(put, sql)


def names(sql: str) -> list[str]:
    """Names of the parameters in a statement."""
    return [match["name"] for match in _TOKEN.finditer(sql) if match["name"]]


def given(sql: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Those of `parameters` that the statement has; Oracle refuses others."""
    wanted = set(names(sql))
    return {name: value for name, value in parameters.items() if name in wanted}
