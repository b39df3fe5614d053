"""What the pages about programs show, and their form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.formats import Locale
from api.pages.parts import Address, Link, Pager, pager
from api.problems import checked
from common.db.types import Record
from common.domain.permissions import Actor
from common.domain.variables import EVERYONE, may_edit
from common.services.programs import Difference, Fault, ProgramInput, ProgramUpdate

URL = "/ui/programs"
SIZE = 50
_MARKS = {"removed": "gone", "added": "new"}
_SIGNS = {"removed": "−", "added": "+", "gap": "…"}


@dataclass(frozen=True)
class ProgramRow:
    """One program in the list."""

    name: str
    url: str
    told: str
    description: str
    users: list[Link]
    delete_url: str | None


@dataclass(frozen=True)
class VersionRow:
    """One version in the list of versions."""

    number: int
    told: str
    note: str
    url: str
    current: bool
    newest: bool


@dataclass(frozen=True)
class DiffLine:
    """A line of a diff as the page draws it."""

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True)
class ProgramForm:
    """The form as text."""

    name: str = ""
    source: str = ""
    note: str = ""
    description: str = ""
    scope: str = "own"
    version: str = ""

    def new(self, locale: Locale) -> tuple[ProgramInput | None, dict[str, str]]:
        """The program that the form describes, or what is wrong with it, by field."""
        values = {name: getattr(self, name) for name in ("name", "source", "note", "description", "scope")}
        return checked(ProgramInput, values, locale.lang)

    def change(self, locale: Locale) -> tuple[ProgramUpdate | None, dict[str, str]]:
        """The change that the form describes, or what is wrong with it, by field."""
        values: dict[str, Any] = {name: getattr(self, name) for name in ("name", "source", "note", "description")}
        if self.version.isdecimal():
            values["version"] = int(self.version)
        return checked(ProgramUpdate, values, locale.lang)


def rows(
    found: Sequence[Record], used: Mapping[int, Sequence[Record]], actor: Actor, locale: Locale
) -> list[ProgramRow]:
    """The list."""
    return [_row(row, used.get(row.id, []), actor, locale) for row in found]


def _row(row: Record, users: Sequence[Record], actor: Actor, locale: Locale) -> ProgramRow:
    _ = locale.gettext
    owner = row.owner if row.owner != row.updated_by else ""
    whose = _("everyone's") if row.scope == EVERYONE else owner
    parts = [
        _("version %(n)s", n=row.version),
        locale.size(row.size),
        whose,
        _("%(who)s, %(when)s", who=row.updated_by, when=locale.relative(row.updated_at)),
    ]
    links = [Link(task.name, f"/ui/tasks/{task.id}") for task in users[:5]]
    delete = f"{URL}/{row.id}/delete" if may_edit(actor, owner_id=row.owner_id) else None
    told = locale.comma.join(part for part in parts if part)
    return ProgramRow(row.name, f"{URL}/{row.id}", told, row.description, links, delete)


def versions(
    program: Record, found: Sequence[Record], shown: int, locale: Locale, *, page: int, total: int
) -> tuple[list[VersionRow], Pager]:
    """The versions beside a program, and the way to older ones."""
    listed = [
        VersionRow(
            number=row.number,
            told=locale.comma.join(part for part in (row.created_by, locale.relative(row.created_at)) if part),
            note=row.note,
            url=f"{URL}/{program.id}?version={row.number}",
            current=row.number == shown,
            newest=row.number == program.version,
        )
        for row in found
    ]
    address = Address(f"{URL}/{program.id}", {"version": str(shown)})
    return listed, pager(address, locale, page=page, size=SIZE, shown=len(found), total=total)


def lines(difference: Difference | None) -> list[DiffLine]:
    """What changed, ready to be drawn."""
    if difference is None:
        return []
    return [
        DiffLine(_MARKS.get(line.kind, line.kind), line.old, line.new, f"{_SIGNS.get(line.kind, ' ')} {line.text}")
        for line in difference.lines
    ]


def faults_told(found: Sequence[Fault], locale: Locale) -> list[str]:
    """Where a program does not compile, in words."""
    return [locale.gettext("Line %(line)s: %(why)s", line=each.line, why=each.message) for each in found]
