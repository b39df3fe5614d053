"""Variables as the API shows them: the value of a secret is not among it."""

from collections.abc import Sequence

from api.schemas.base import Answer, Instant
from common.db.types import Record


class UsedBy(Answer):
    """A task that uses a variable."""

    id: int
    name: str


class VariableOut(Answer):
    """A variable. `value` is null for a secret; `set` says that there is one."""

    id: int
    name: str
    scope: str
    owner: str | None
    secret: bool
    value: str | None
    set: bool
    description: str
    used_by: list[UsedBy]
    created_at: Instant
    updated_at: Instant
    updated_by: str

    @classmethod
    def of(cls, row: Record, used_by: Sequence[Record]) -> "VariableOut":
        """The answer for a row and the tasks that use it."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        shown = {
            "scope": "everyone" if row.scope == "everyone" else "own",
            "value": None if row.secret else row.value,
            "set": True,
            "used_by": [UsedBy(id=task.id, name=task.name) for task in used_by],
        }
        return cls.model_validate(own | shown)
