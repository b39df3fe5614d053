"""Who did what: written once, never changed, deleted only by age."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Json, UtcDateTime


class Audit(SQLModel, table=True):
    """One thing that somebody did or was refused. No foreign keys: it outlives whom and what it speaks of."""

    __tablename__ = "audit"
    __table_args__ = (
        # Lists are newest first, by id; filters are equalities, so each index is read backwards and never sorted.
        Index("ix_audit_at", "at"),
        Index("ix_audit_actor_id", "actor", "id"),
        Index("ix_audit_action_id", "action", "id"),
        Index("ix_audit_object", "object_kind", "object_id", "id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    at: datetime = Field(sa_type=UtcDateTime)
    actor_id: int | None = Field(default=None, sa_type=BigId)
    #: The name at that time; empty for somebody who is not signed in.
    actor: str = Field(default="", max_length=64)
    #: page, api, key, cli, system.
    via: str = Field(max_length=16)
    address: str = Field(default="", max_length=64)
    #: One of `common.domain.audit.ACTIONS`.
    action: str = Field(max_length=32)
    object_kind: str = Field(default="", max_length=32)
    object_id: str = Field(default="", max_length=64)
    object_name: str = Field(default="", max_length=200)
    #: done, refused, failed.
    outcome: str = Field(default="done", max_length=16)
    #: Which fields, how many, why refused: small, and without values that could be secrets.
    details: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
