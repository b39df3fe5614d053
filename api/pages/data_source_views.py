"""What the pages about data sources show, and their form."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from api.formats import Locale
from api.pages.parts import Link
from api.problems import checked
from common.datasources.source import KINDS
from common.db.types import Record
from common.domain.permissions import Actor
from common.domain.variables import EVERYONE, may_edit
from common.i18n import N_, localized
from common.services.data_sources import DataSourceInput, DataSourceUpdate, Probe

URL = "/ui/data-sources"
SIZE = 50
TLS = (
    ("off", N_("Not encrypted")),
    ("require", N_("Encrypted")),
    ("verify", N_("Encrypted, certificate checked")),
)
_NUMBERS = ("port", "statement_timeout")


@dataclass(frozen=True)
class SourceRow:
    """One data source in the list."""

    name: str
    url: str
    kind: str
    place: str
    told: str
    description: str
    users: list[Link]
    delete_url: str | None


@dataclass(frozen=True)
class SourceForm:
    """The form as text. The password is never in it."""

    name: str = ""
    kind: str = "postgresql"
    host: str = ""
    port: str = ""
    database: str = ""
    username: str = ""
    password: str = ""
    tls: str = "off"
    tls_ca: str = ""
    read_only: str = ""
    statement_timeout: str = ""
    description: str = ""
    scope: str = "own"

    @classmethod
    def of(cls, row: Record) -> "SourceForm":
        """What is stored, but for the password."""
        values = {name: "" if getattr(row, name) is None else str(getattr(row, name)) for name in cls._stored()}
        limit = "" if row.statement_timeout is None else f"{row.statement_timeout:g}"
        own = {"read_only": "true" if row.read_only else "", "statement_timeout": limit, "port": str(row.port or "")}
        return cls(**values | own)

    @staticmethod
    def _stored() -> list[str]:
        return ["name", "kind", "host", "database", "username", "tls", "tls_ca", "description"]

    def new(self, locale: Locale) -> tuple[DataSourceInput | None, dict[str, str]]:
        """The data source that the form describes, or what is wrong with it, by field."""
        values = self._values()
        if not KINDS.get(self.kind, KINDS["mysql"]).is_file:
            return checked(DataSourceInput, values, locale.lang)
        return checked(DataSourceInput, _of_a_file(values), locale.lang)

    def change(self, locale: Locale) -> tuple[DataSourceUpdate | None, dict[str, str]]:
        """The change that the form describes; without a password the stored one stays."""
        values = {name: value for name, value in self._values().items() if name != "scope"}
        if not self.password:
            values.pop("password")
        if KINDS.get(self.kind, KINDS["mysql"]).is_file:
            values = {name: value for name, value in _of_a_file(values).items() if name != "scope"}
        return checked(DataSourceUpdate, values, locale.lang)

    def _values(self) -> dict[str, Any]:
        typed: dict[str, Any] = asdict(self)
        typed |= {name: _number(typed[name]) for name in _NUMBERS} | {"read_only": bool(self.read_only)}
        return typed | {"port": typed["port"] if typed["port"] is not None else 0}


def _of_a_file(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of a form whose fields for a server are not shown."""
    return {**values, "host": "", "port": 0, "username": "", "password": "", "tls": "off", "tls_ca": ""}


def _number(text: str) -> Any:
    """A number where it is one, None for nothing, else as it was typed: the model says what is wrong with it."""
    given = text.strip()
    if not given:
        return None
    return int(given) if given.isdecimal() and len(given) < 16 else given


def rows(
    found: Sequence[Record], used: Mapping[int, Sequence[Record]], actor: Actor, locale: Locale
) -> list[SourceRow]:
    """The list."""
    return [_row(row, used.get(row.id, []), actor, locale) for row in found]


def _row(row: Record, users: Sequence[Record], actor: Actor, locale: Locale) -> SourceRow:
    _ = locale.gettext
    parts = [
        _("everyone's") if row.scope == EVERYONE else (row.owner if row.owner != row.updated_by else ""),
        _("for reading only") if row.read_only else "",
        _("%(who)s, %(when)s", who=row.updated_by, when=locale.relative(row.updated_at)),
    ]
    mine = may_edit(actor, owner_id=row.owner_id)
    links = [Link(task.name, f"/ui/tasks/{task.id}") for task in users[:5]]
    if len(users) > len(links):
        links.append(Link("…", f"{URL}/{row.id}"))
    return SourceRow(
        name=row.name,
        url=f"{URL}/{row.id}",
        kind=KINDS[row.kind].title,
        place=place(row),
        told=locale.comma.join(part for part in parts if part),
        description=row.description,
        users=links,
        delete_url=f"{URL}/{row.id}/delete" if mine else None,
    )


def place(row: Record) -> str:
    """Where a data source is, in one line."""
    if KINDS[row.kind].is_file:
        return str(row.database)
    named = f"/{row.database}" if row.database else ""
    return f"{row.username + '@' if row.username else ''}{row.host}:{row.port}{named}"


def facts(row: Record, locale: Locale) -> list[tuple[str, str]]:
    """A data source, field by field."""
    _ = locale.gettext
    about = KINDS[row.kind]
    found = [(_("Kind"), about.title)]
    if not about.is_file:
        found += [
            (_("Host"), f"{row.host}:{row.port}"),
            (_("User name"), row.username),
            (_("Password"), _("stored, never shown again") if row.has_password else _("none")),
            (_("Connection"), _(dict(TLS)[row.tls])),
        ]
    found.append((_(about.name_title), row.database))
    if row.read_only:
        found.append((_("Changes"), _("refused: for reading only")))
    if row.statement_timeout is not None:
        found.append((_("Longest statement"), locale.duration(row.statement_timeout)))
    mine = _("tasks of %(name)s", name=row.owner) if row.owner else ""
    found.append((_("For"), _("everyone's tasks") if row.scope == EVERYONE else mine))
    changed = _("%(who)s, %(when)s", who=row.updated_by, when=locale.relative(row.updated_at))
    found.append((_("Last changed"), changed))
    return [(label, value) for label, value in found if value]


def told(found: Probe, locale: Locale) -> dict[str, Any]:
    """What came of a test, in words."""
    _ = locale.gettext
    if found.problem is None:
        text = _("%(version)s answered in %(time)s.", version=found.version, time=locale.duration(found.seconds))
        return {"ok": True, "text": text, "detail": ""}
    return {"ok": False, "text": localized(found.problem, locale.lang), "detail": found.detail}
