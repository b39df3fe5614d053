"""What a route declares that it takes, in its OpenAPI entry: the one place that roles, rights and scopes come from."""

from collections.abc import Mapping
from typing import Any

from common.domain import permissions
from common.domain.permissions import ADMINISTRATOR, Right

RIGHT, ROLE = "x-rota-right", "x-rota-role"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: What a route for administrators declares.
FOR_ADMINISTRATORS: dict[str, Any] = {ROLE: ADMINISTRATOR}


def takes(right: Right) -> dict[str, Any]:
    """What a route declares that needs another right on its task than its method says (GET view, else edit)."""
    return {RIGHT: right.name.lower()}


def scope_of(declared: Mapping[str, Any], method: str) -> str:
    """The scope that an API key needs for a route with this declaration."""
    if declared.get(ROLE) == ADMINISTRATOR:
        return permissions.ADMIN
    if declared.get(RIGHT) == Right.RUN.name.lower():
        return permissions.RUN
    return permissions.READ if method in SAFE else permissions.WRITE
