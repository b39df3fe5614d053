"""Programs as the API shows them."""

from collections.abc import Sequence

from api.schemas.base import Answer, Instant
from api.schemas.variables import UsedBy
from common.db.types import Record
from common.services.programs import Difference, Fault


class FaultOut(Answer):
    """Where the program cannot be compiled by the Python that Rota runs with."""

    line: int
    column: int
    message: str


class ProgramOut(Answer):
    """A program without its source; `warnings` say what was found when it was saved just now."""

    id: int
    name: str
    scope: str
    owner: str | None
    description: str
    version: int
    size: int
    used_by: list[UsedBy]
    warnings: list[FaultOut]
    created_at: Instant
    updated_at: Instant
    updated_by: str

    @classmethod
    def of(cls, row: Record, used_by: Sequence[Record] = (), faults: Sequence[Fault] = ()) -> "ProgramOut":
        """The answer for a row, the tasks that run it, and what is wrong with it."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        shown = {
            "scope": "everyone" if row.scope == "everyone" else "own",
            "used_by": [UsedBy(id=task.id, name=task.name) for task in used_by],
            "warnings": [FaultOut.model_validate(each) for each in faults],
        }
        return cls.model_validate(own | shown)


class VersionOut(Answer):
    """One version of a program, without its source."""

    number: int
    size: int
    sha256: str
    note: str
    created_at: Instant
    created_by: str


class VersionSource(VersionOut):
    """One version of a program."""

    source: str


class DiffLine(Answer):
    """A line of a diff: `same`, `added`, `removed`, or a `gap` for lines left out."""

    kind: str
    old: int | None
    new: int | None
    text: str


class DiffOut(Answer):
    """What changed from one version to another, line by line and as `diff -u` writes it."""

    old: VersionOut
    new: VersionOut
    lines: list[DiffLine]
    unified: str

    @classmethod
    def of(cls, found: Difference) -> "DiffOut":
        """The answer for a difference."""
        lines = [DiffLine.model_validate(line) for line in found.lines]
        old, new = VersionOut.model_validate(found.old), VersionOut.model_validate(found.new)
        return cls(old=old, new=new, lines=lines, unified=found.unified)
