"""Variables of tasks: which names there may be, which secrets can be kept out of output, whose a variable is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from common.domain.permissions import Actor, may_change, sees_all

EVERYONE = "everyone"
#: A shorter text turns up in output by chance, and masking it would spoil the output and give the secret away.
SHORTEST = 6
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """Whether it can name a variable of an environment."""
    return _NAME.fullmatch(text) is not None


def is_maskable(value: str) -> bool:
    """Whether a secret of this value can be found in output: one line of it is long enough."""
    return any(len(line.strip().encode()) >= SHORTEST for line in value.splitlines())


def scope_of(owner_id: int | None) -> str:
    """Within which scope a name is unique; None is everyone's."""
    return EVERYONE if owner_id is None else f"user:{owner_id}"


def may_use(actor: Actor, *, scope: str, owner_id: int | None) -> bool:
    """Whether `actor` may see that a variable is there, and give it to tasks."""
    return sees_all(actor) or (may_change(actor.role) and (scope == EVERYONE or owner_id == actor.user_id is not None))


def may_edit(actor: Actor, *, owner_id: int | None) -> bool:
    """Whether `actor` may change or delete a variable."""
    return sees_all(actor) or (may_change(actor.role) and owner_id is not None and owner_id == actor.user_id)


def links(spec: Mapping[str, Any]) -> Sequence[tuple[int, str]]:
    """Id and name of the variables that the task of this spec was given."""
    return [(link["id"], link["name"]) for link in spec.get("variables", ())]
