"""The audit log as the API shows it."""

from typing import Any

from api.schemas.base import Answer, Instant
from common.db.types import Record


class AuditEntry(Answer):
    """One thing that somebody did, or was refused."""

    id: int
    at: Instant
    actor_id: int | None
    actor: str
    via: str
    address: str
    action: str
    object_kind: str
    object_id: str
    object_name: str
    outcome: str
    details: dict[str, Any]

    @classmethod
    def of(cls, row: Record) -> "AuditEntry":
        """The answer for a row."""
        return cls.model_validate(row)


class AuditPage(Answer):
    """A part of the log, newest first; `next` goes into `before` for what is older, null at the end."""

    items: list[AuditEntry]
    next: int | None
