"""What all answers share: instants in UTC, pages, ids in the range a database has."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer

from common.services.inputs import storable

T = TypeVar("T")
_MAX_ID = 2**63 - 1


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


#: ISO 8601 in UTC with milliseconds.
Instant = Annotated[datetime, PlainSerializer(_iso, return_type=str)]
TaskId = Annotated[int, Path(ge=1, le=_MAX_ID, description="Id of the task.")]
ExecutionId = Annotated[int, Path(ge=1, le=_MAX_ID, description="Id of the execution.")]
Search = Annotated[str, Query(max_length=200), AfterValidator(storable)]
PageNumber = Annotated[int, Query(ge=1, le=10_000_000)]
PageSize = Annotated[int, Query(ge=1, le=500)]


Wait = Annotated[
    float,
    Query(ge=0, le=60, description="Seconds to wait until everything has ended; 0 does not wait."),
]
#: For the description of calls that stop something.
STOP_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "Asked for; what is in `stopping` has not ended yet."}
}


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(from_attributes=True)


class Page(Answer, Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int
    page: int
    page_size: int
    pages: int

    @classmethod
    def of(cls, items: list[T], *, total: int, page: int, page_size: int) -> "Page[T]":
        """The page `page` (from 1) of `total` items."""
        return cls(items=items, total=total, page=page, page_size=page_size, pages=-(-total // page_size))
