"""Versions of tasks as the API shows them."""

from typing import Any

from api.schemas.base import Answer, Instant


class VersionHead(Answer):
    """A version of a task without what it said; `fields` names what differs from the version before."""

    version: int
    at: Instant
    author: str
    fields: list[str]


class VersionOut(VersionHead):
    """A version of a task with all that it said."""

    definition: dict[str, Any]


class ChangeOut(Answer):
    """A field that differs; null where it was not there, or is no more."""

    field: str
    before: Any
    after: Any


class VersionDiff(Answer):
    """What differs between two versions of a task. Entries of the environment are fields of their own (`env.NAME`)."""

    task_id: int
    before: int
    after: int
    changes: list[ChangeOut]
