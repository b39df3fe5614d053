"""Files that executions left; their bytes are in the store (`common.artifacts`).

No foreign key to executions (ADR 1). A row outlives its execution until its file is deleted: `scheduler.prune` deletes
what has expired, the file first.
"""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, UtcDateTime


class Artifact(SQLModel, table=True):
    """A file that an attempt of an execution left."""

    __tablename__ = "artifacts"
    __table_args__ = (
        # What a worker records again after a crash is there already.
        UniqueConstraint("store_key"),
        Index("ix_artifacts_execution_id", "execution_id"),
        Index("ix_artifacts_task_id_id", "task_id", "id"),
        Index("ix_artifacts_expires_at", "expires_at"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    execution_id: int = Field(sa_type=BigId)
    token: int
    task_id: int = Field(sa_type=BigId)
    #: As the task called it; one in a folder has that before it, with "/".
    name: str = Field(max_length=255)
    media_type: str = Field(max_length=100)
    size: int = Field(sa_type=BigId)
    sha256: str = Field(max_length=64)
    #: Where the store has it.
    store_key: str = Field(max_length=100)
    created_at: datetime = Field(sa_type=UtcDateTime)
    #: From then on it is not given out, and is deleted.
    expires_at: datetime = Field(sa_type=UtcDateTime)
    #: What signs its links: a new one ends all that were made. Empty until the first is.
    link_key: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
