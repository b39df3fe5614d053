"""Data sources: create, change, delete, give to tasks, and try whether one answers.

Who may use a data source may give it to a task. Its password is sealed, is never shown again, and never goes to another
place than the one it was entered for.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from common.config import Settings
from common.datasources import guard
from common.datasources.connection import connect
from common.datasources.guard import Rules
from common.datasources.problems import Problem
from common.datasources.source import KINDS, OFF, VERIFY, Source
from common.db.models import DataSource
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain.permissions import sees_all
from common.domain.variables import EVERYONE, may_edit, may_use, scope_of
from common.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from common.fields import Flag, Name, Number, Prose, Whole, refuse, storable
from common.i18n import N_
from common.net.addresses import Unresolvable
from common.queries import data_sources as queries
from common.security.encryption import Keyring, Place
from common.services import audit, references, rights
from common.services.audit import Thing

_HOST = re.compile(r"\[?[\w.:%-]*\]?")
#: Tests that wait for servers at the same time: each keeps a thread.
_TRIALS = asyncio.Semaphore(4)
#: What a password is sent to, and how.
_WHERE = ("kind", "host", "port", "username", "tls", "tls_ca")
#: Fields of a source, which a row has under the same names.
_DESCRIBED = (*_WHERE, "name", "database", "read_only", "statement_timeout")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise refuse(N_("Must be the name or the address of a host, without a port or a path."))
    return value.removeprefix("[").removesuffix("]")


def _pem(value: str) -> str:
    if value and "-----BEGIN CERTIFICATE-----" not in value:
        raise refuse(N_("Must be certificates in PEM: -----BEGIN CERTIFICATE----- and what follows."))
    return value


Kind = Literal["mysql", "mariadb", "postgresql", "analyticdb", "oracle", "sqlserver", "sqlite"]
Host = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_host)]
Port = Annotated[Whole, Field(ge=0, le=65535, description="Left out or 0: the usual one of its kind.")]
Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(storable)]
Database = Annotated[Text, Field(max_length=1000, description="Of Oracle the service name, of SQLite the file.")]
Username = Annotated[Text, Field(max_length=200)]
Password = Annotated[Prose, Field(max_length=1000, description="Written, never shown again.")]
Tls = Literal["off", "require", "verify"]
Ca = Annotated[Prose, Field(max_length=100_000), AfterValidator(_pem)]
Limit = Annotated[Number, Field(ge=0.1, le=604_800, allow_inf_nan=False)]
SourceName = Annotated[Name, Field(max_length=100)]
Description = Annotated[Prose, Field(max_length=1000)]


class DataSourceUpdate(BaseModel):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: SourceName | None = None
    kind: Kind | None = None
    host: Host | None = None
    port: Port | None = None
    database: Database | None = None
    username: Username | None = None
    password: Password | None = Field(
        None,
        description="Needed again when kind, host, port, username or TLS change: it goes to no other place unasked.",
    )
    tls: Tls | None = None
    tls_ca: Ca | None = None
    read_only: Flag | None = None
    statement_timeout: Limit | None = None
    description: Description | None = None


class DataSourceInput(BaseModel):
    """A data source as people describe it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: SourceName = Field(examples=["shop"])
    kind: Kind = Field(examples=["postgresql"])
    host: Host = Field("", examples=["db.example"], description="Of every kind but SQLite.")
    port: Port = 0
    database: Database = Field("", examples=["shop"])
    username: Username = Field("", examples=["reader"])
    password: Password = Field("", examples=["a long password"])
    tls: Tls = Field(
        "off", description="`require`: encrypted; `verify`: and the server's certificate is checked for its name."
    )
    tls_ca: Ca = Field("", description="With `verify`: the authority in PEM, else those that the machine trusts.")
    read_only: Flag = Field(False, description="The database refuses whatever would change something.")
    statement_timeout: Limit | None = Field(
        None, description="Seconds after which the database ends a statement, where a task does not say otherwise."
    )
    description: Description = ""
    scope: Literal["own", "everyone"] = Field(
        "own", description="Whose tasks may use it. Only administrators make data sources for everyone."
    )


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of a test. `problem` is None where all is well, and `version` what the server calls itself."""

    seconds: float
    version: str = ""
    problem: DomainError | None = None

    @property
    def kind(self) -> str:
        """What is wrong, as one word: `common.datasources.problems` has them; "refused" for what may not be used."""
        if self.problem is None:
            return ""
        if isinstance(self.problem, Problem):
            return self.problem.kind
        return "name" if isinstance(self.problem, Unresolvable) else "refused"

    @property
    def detail(self) -> str:
        """What the driver said, without the password."""
        return self.problem.detail if isinstance(self.problem, Problem) else ""


def rules(settings: Settings) -> Rules:
    """Which databases may be reached."""
    folders = settings.sqlite_folders or [str(settings.data_dir.resolve() / "databases")]
    return guard.rules(settings.url, settings.data_source_networks, folders)


def place(data_source_id: int) -> Place:
    """Where the password of a data source is sealed."""
    return Place("data_sources", "sealed", data_source_id)


def source_of(row: Record | DataSource, password: str) -> Source:
    """A row as what one connects with."""
    return Source(**{name: getattr(row, name) for name in _DESCRIBED}, password=password)


def described(data: DataSourceInput) -> Source:
    """What somebody describes, checked as a whole; raises Invalid, naming the field."""
    return _checked({name: getattr(data, name) for name in (*_DESCRIBED, "password")})


def _checked(values: Mapping[str, Any]) -> Source:
    kind = KINDS[values["kind"]]
    source = Source(**{**values, "port": values["port"] or kind.port})
    if kind.is_file:
        _check_file(source)
        return source
    if not source.host:
        raise Invalid(N_("Must not be empty. Enter the host on which the database runs."), field="host")
    if not source.database and kind.engine in ("oracle", "postgresql"):
        raise Invalid(N_("Must not be empty: {title} asks for it."), field="database", title=kind.title)
    if source.tls == VERIFY and not kind.verifies:
        text = N_("The driver for {title} cannot check certificates; choose an encrypted connection without.")
        raise Invalid(text, field="tls", title=kind.title)
    if source.tls_ca and source.tls != VERIFY:
        raise Invalid(N_("Is used only where the server's certificate is checked."), field="tls_ca")
    return source


def _check_file(source: Source) -> None:
    for field in ("host", "username", "password", "tls_ca"):
        if getattr(source, field):
            raise Invalid(N_("SQLite is a file and takes none; leave it empty."), field=field)
    if source.tls != OFF:
        raise Invalid(N_("SQLite is a file and takes none; leave it empty."), field="tls")
    if not source.database.startswith("/"):
        raise Invalid(N_("Must be the path of the file, beginning with /."), field="database")


async def check_place(source: Source, rule: Rules) -> None:
    """Refuse what may not be reached: Rota's own database, other networks; raises Refused, NotAllowed.

    A name that nobody knows at the moment is no reason: it may be known tomorrow, and is looked up at every use.
    """
    look = guard.file if source.about.is_file else guard.addresses
    try:
        await asyncio.to_thread(look, source, rule)
    except Unresolvable:
        return


async def probe(source: Source, rule: Rules) -> Probe:
    """Connect, ask for the version and hang up; what goes wrong is part of the answer."""
    async with _TRIALS:
        began = time.monotonic()
        try:
            version = await asyncio.to_thread(_version, source, rule)
        except DomainError as error:
            return Probe(time.monotonic() - began, problem=error)
        return Probe(time.monotonic() - began, version)


def _version(source: Source, rule: Rules) -> str:
    with connect(source, rule, statement_timeout=10.0) as connection:
        return connection.version()


async def get(session: ReadSession, data_source_id: int) -> Record:
    """The data source without its password; raises NotFound."""
    found = await queries.by_id(session, data_source_id)
    if found is None:
        raise NotFound(N_("There is no data source {id}."), id=data_source_id)
    return found


async def editable(session: ReadSession, data_source_id: int) -> Record:
    """The same for whoever may change it; raises NotFound, Forbidden."""
    row = await get(session, data_source_id)
    if not may_edit(session.actor, owner_id=row.owner_id):
        raise Forbidden(N_("Only administrators make and change data sources for everyone."))
    return row


async def stored(
    session: ReadSession, data_source_id: int, change: DataSourceUpdate | None = None, *, keyring: Keyring
) -> Source:
    """What is stored, with its password, as it would be after a change.

    Raises NotFound, KeyMissing, and Invalid where the change is wrong or would send the password to another place.
    """
    row = await get(session, data_source_id)
    sealed = await queries.sealed(session, data_source_id)
    password = keyring.open(sealed, place(data_source_id)) if sealed else ""
    return _changed(source_of(row, password), change or DataSourceUpdate())


def _changed(before: Source, change: DataSourceUpdate) -> Source:
    given = {name: getattr(change, name) for name in change.model_fields_set & {*_DESCRIBED, "password"}}
    given = {name: value for name, value in given.items() if value is not None or name == "statement_timeout"}
    password = given.pop("password", None)
    values = {name: getattr(before, name) for name in _DESCRIBED} | given
    after = _checked(values | {"password": before.password if password is None else password})
    moved = any(getattr(before, name) != getattr(after, name) for name in _WHERE)
    if moved and before.password and password is None:
        raise Invalid(N_("Enter the password again: it would go to another place than before."), field="password")
    return after


async def create(session: WriteSession, data: DataSourceInput, *, keyring: Keyring, now: datetime) -> Record:
    """Store a new data source; raises Forbidden, Invalid, Conflict when the name is taken, KeyMissing."""
    await rights.check_code(session, {"sql"})
    actor = session.actor
    if data.scope == EVERYONE and not sees_all(actor):
        raise Forbidden(N_("Only administrators make and change data sources for everyone."))
    source = described(data)
    owner_id = None if data.scope == EVERYONE else actor.user_id
    row = DataSource(
        scope=scope_of(owner_id),
        owner_id=owner_id,
        description=data.description,
        created_at=now,
        updated_at=now,
        updated_by=actor.name[:64],
        **{name: getattr(source, name) for name in _DESCRIBED},
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise _taken(data.name) from None
    _seal(row, source.password, keyring)
    await session.flush()
    await _note(session, "data_source.create", row, now=now)
    assert row.id is not None
    return await get(session, row.id)


def _seal(row: DataSource, password: str, keyring: Keyring) -> None:
    assert row.id is not None
    row.sealed = keyring.seal(password, place(row.id)) if password else ""


def _taken(name: str) -> Conflict:
    return Conflict(N_("The data source {name} exists already."), field="name", name=name)


async def update(
    session: WriteSession, data_source_id: int, data: DataSourceUpdate, *, keyring: Keyring, now: datetime
) -> Record:
    """Change a data source, for all that starts from now on; raises NotFound, Forbidden, Invalid, Conflict, KeyMissing.

    Its password is needed again for another place than the one it was entered for.
    """
    await rights.check_code(session, {"sql"})
    row = await _lock(session, data_source_id)
    before = keyring.open(row.sealed, place(data_source_id)) if row.sealed else ""
    after = _changed(source_of(row, before), data)
    try:
        async with session.begin_nested():
            for name in _DESCRIBED:
                setattr(row, name, getattr(after, name))
            row.description = row.description if data.description is None else data.description
            row.updated_at, row.updated_by = now, session.actor.name[:64]
            await session.flush()
    except IntegrityError:
        raise _taken(after.name) from None
    if after.password != before:
        _seal(row, after.password, keyring)
    await session.flush()
    await _note(session, "data_source.update", row, now=now, password=after.password != before)
    return await get(session, data_source_id)


async def delete(session: WriteSession, data_source_id: int, *, force: bool = False, now: datetime) -> None:
    """Delete a data source; raises NotFound, Forbidden, and Conflict naming tasks that use it.

    With `force` it goes all the same, and executions of those tasks fail and say why.
    """
    row = await _lock(session, data_source_id)
    used, names = await references.told(session, "data_source", data_source_id)
    if used and not force:
        text = N_("Tasks use this data source ({count}): {names}. Change them first.")
        raise Conflict(text, count=used, names=names)
    await _note(session, "data_source.delete", row, now=now, tasks=used)
    await session.delete(row)
    await session.flush()


async def note_test(session: WriteSession, source: Source, found: Probe, *, id: int | None, now: datetime) -> None:
    """Write down that a connection was tried: whoever tries many looks around in a network."""
    details = {"kind": source.kind, "place": source.place, "problem": found.kind}
    await audit.record(session, "data_source.test", Thing("data_source", id, source.name), now=now, details=details)


async def _lock(session: WriteSession, data_source_id: int) -> DataSource:
    """Lock a data source that the session may change; raises NotFound, Forbidden."""
    row: DataSource | None = await session.scalar(
        select(DataSource).where(DataSource.id == data_source_id).with_for_update()  # type: ignore[arg-type]
    )
    if row is None or not may_use(session.actor, scope=row.scope, owner_id=row.owner_id):
        raise NotFound(N_("There is no data source {id}."), id=data_source_id)
    if not may_edit(session.actor, owner_id=row.owner_id):
        raise Forbidden(N_("Only administrators make and change data sources for everyone."))
    return row


async def _note(session: WriteSession, action: str, row: DataSource, *, now: datetime, **more: audit.Detail) -> None:
    told = {"scope": row.scope, "kind": row.kind, "host": row.host, "database": row.database, **more}
    await audit.record(session, action, Thing("data_source", row.id, row.name), now=now, details=told)
