"""Answers about files of executions."""

from pydantic import Field

from api.schemas.base import Answer, Instant
from common.db.types import Record


class ArtifactOut(Answer):
    """A file that an execution left."""

    id: int
    execution_id: int
    attempt: int
    task_id: int
    name: str
    media_type: str
    size: int = Field(description="Bytes.")
    sha256: str
    created_at: Instant
    expires_at: Instant = Field(description="When it is deleted.")
    linked: bool = Field(description="Whether links to it have been made, and not ended since.")
    url: str = Field(description="Where to download it, signed in.")

    @classmethod
    def of(cls, row: Record) -> "ArtifactOut":
        """The answer for a row."""
        return cls(
            id=row.id,
            execution_id=row.execution_id,
            attempt=row.token,
            task_id=row.task_id,
            name=row.name,
            media_type=row.media_type,
            size=row.size,
            sha256=row.sha256,
            created_at=row.created_at,
            expires_at=row.expires_at,
            linked=bool(row.linked),
            url=f"/artifacts/{row.id}",
        )


class ArtifactItem(ArtifactOut):
    """A file in the list of all tasks."""

    task_name: str

    @classmethod
    def of(cls, row: Record) -> "ArtifactItem":
        """The answer for a row of the list."""
        return cls(**ArtifactOut.of(row).model_dump(), task_name=row.task_name)


class ArtifactList(Answer):
    """A part of the list of files: `next` is `before` of the part that follows, null at the end."""

    items: list[ArtifactItem]
    next: int | None
    total: int
    total_size: int = Field(description="Bytes of all of them.")


class LinkOut(Answer):
    """A link that works without a sign-in."""

    url: str
    expires_at: Instant


class Gone(Answer):
    """What was done to a file."""

    id: int
    ok: bool = True
