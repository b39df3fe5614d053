"""Uploads as the API shows them."""

from collections.abc import Sequence

from api.schemas.base import Answer, Instant
from api.schemas.variables import UsedBy
from common.db.types import Record


class UploadOut(Answer):
    """A file that somebody has brought; `url` is where it is downloaded."""

    id: int
    name: str
    scope: str
    owner: str | None
    size: int
    sha256: str
    url: str
    used_by: list[UsedBy]
    created_at: Instant
    created_by: str

    @classmethod
    def of(cls, row: Record, used_by: Sequence[Record] = ()) -> "UploadOut":
        """The answer for a row and the tasks that read it."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        shown = {
            "scope": "everyone" if row.scope == "everyone" else "own",
            "url": f"/uploads/{row.id}/content",
            "used_by": [UsedBy(id=task.id, name=task.name) for task in used_by],
        }
        return cls.model_validate(own | shown)
