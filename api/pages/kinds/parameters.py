"""Parameters of queries in a form: one a line, `name=value`."""

from collections.abc import Mapping
from typing import Any

from api.pages.kinds.base import number


def values(typed: str) -> dict[str, Any]:
    """What was typed: whole and broken numbers are numbers, everything else is text."""
    pairs = (line.partition("=") for line in typed.splitlines() if line.strip())
    return {name.strip(): number(value) if value.strip() else "" for name, _, value in pairs}


def shown(parameters: Mapping[str, Any]) -> str:
    """The same as text."""
    return "\n".join(f"{name}={'' if value is None else value}" for name, value in parameters.items())
