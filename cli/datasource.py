"""`rota datasource`: databases that tasks read from and write to. For whoever has Rota's own database anyway."""

import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from cli.settings import fail, settings_of
from common.errors import ConfigurationError, DomainError

if TYPE_CHECKING:
    from common.config import Settings
    from common.db.session import Database
    from common.db.types import Record
    from common.security.encryption import Keyring

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder with the keys and the embedded database.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def _with(data_dir: Path | None, work: "Callable[[Settings, Keyring, Database], Awaitable[T]]") -> T:
    from common.db.schema import ensure_schema
    from common.db.session import Database
    from common.domain.permissions import ADMINISTRATOR, Actor
    from common.security.encryption import Keyring

    async def run() -> T:
        settings = settings_of(data_dir=data_dir)
        keyring = Keyring(settings)
        keyring.ensure()
        database = Database(settings.url, pool_size=1, actor=Actor(None, getpass.getuser(), ADMINISTRATOR, "cli"))
        try:
            await ensure_schema(database, settings.url)
            return await work(settings, keyring, database)
        finally:
            await database.dispose()

    try:
        return asyncio.run(run())
    except (ConfigurationError, DomainError) as error:
        fail(str(error))


@app.command("list")
def list_(
    search: Annotated[str, typer.Option(help="Part of a name, a description, a host or a database.")] = "",
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List data sources; never a password."""
    from common.queries import data_sources as queries

    async def work(_settings: "Settings", _keyring: "Keyring", database: "Database") -> "list[Record]":
        async with database.read() as session:
            rows, _total = await queries.page(session, search=search, page_size=100_000)
            return rows

    rows = _with(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_told(row) for row in rows], indent=2, ensure_ascii=False))
        return
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        where = f"{row.host}:{row.port}/{row.database}" if row.host else row.database
        typer.echo(f"{row.id:>4}  {row.name:<{width}}  {row.kind:<11} {where}")


def _told(row: "Record") -> dict[str, Any]:
    names = ("id", "name", "kind", "host", "port", "database", "username", "tls", "read_only", "owner", "description")
    return {name: getattr(row, name) for name in names}


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What tasks and programs call it.")],
    kind: Annotated[str, typer.Option(help="mysql, mariadb, postgresql, analyticdb, oracle, sqlserver or sqlite.")],
    host: Annotated[str, typer.Option(help="Of every kind but sqlite.")] = "",
    port: Annotated[int, typer.Option(help="The usual one of its kind when left out.")] = 0,
    database: Annotated[str, typer.Option(help="Of Oracle the service name, of SQLite the file.")] = "",
    username: Annotated[
        str, typer.Option(help="Its password: ROTA_DATA_SOURCE_PASSWORD, else asked for, or read from standard input.")
    ] = "",
    tls: Annotated[str, typer.Option(help="off, require or verify.")] = "off",
    read_only: Annotated[bool, typer.Option("--read-only", help="Have the database refuse changes.")] = False,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Create a data source for everyone's tasks."""
    from pydantic import ValidationError

    from common.clock import Clock
    from common.services import data_sources
    from common.services.data_sources import DataSourceInput

    values = {
        "name": name,
        "kind": kind,
        "host": host,
        "port": port,
        "database": database,
        "username": username,
        "password": _password() if username else "",
        "tls": tls,
        "read_only": read_only,
        "description": description,
        "scope": "everyone",
    }
    try:
        data = DataSourceInput.model_validate(values)
    except ValidationError as error:
        _wrong(error)

    async def work(settings: "Settings", keyring: "Keyring", own: "Database") -> int:
        await data_sources.check_place(data_sources.described(data), data_sources.rules(settings))
        async with own.write() as session:
            now = await Clock().now(session)
            return int((await data_sources.create(session, data, keyring=keyring, now=now)).id)

    typer.echo(f"Data source {_with(data_dir, work)} is stored. Try it: rota datasource test {name}")


def _password() -> str:
    """From ROTA_DATA_SOURCE_PASSWORD, a prompt, or the first line of standard input; never from an argument: others
    can see those."""
    given = os.environ.get("ROTA_DATA_SOURCE_PASSWORD")
    if given is not None:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, default="", show_default=False))
    return sys.stdin.readline().rstrip("\n")


def _wrong(error: Any) -> NoReturn:
    first = error.errors(include_url=False, include_input=False)[0]
    fail(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}")


@app.command("test")
def try_(
    name: Annotated[str, typer.Argument(help="Name or id of a data source.")],
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Connect to a data source and say in plain words what is wrong; the exit status is 1 when something is."""
    from common.clock import Clock
    from common.errors import NotFound
    from common.queries import data_sources as queries
    from common.services import data_sources
    from common.services.data_sources import Probe

    async def work(settings: "Settings", keyring: "Keyring", database: "Database") -> Probe:
        async with database.read() as session:
            ids = [row.id for row in await queries.by_name(session, name)] or [int(name) if name.isdecimal() else 0]
            if len(ids) > 1:
                shown = ", ".join(map(str, ids))
                raise NotFound(f"Several data sources are called {name}: name one by its id ({shown}).")
            source = await data_sources.stored(session, ids[0], keyring=keyring)
        found = await data_sources.probe(source, data_sources.rules(settings))
        async with database.write() as session:
            await data_sources.note_test(session, source, found, id=ids[0], now=await Clock().now(session))
        return found

    found = _with(data_dir, work)
    why = str(found.problem) if found.problem else ""
    if as_json:
        told = {"ok": not why, "version": found.version, "problem": found.kind or None, "message": why}
        typer.echo(json.dumps(told | {"detail": found.detail}, ensure_ascii=False))
    elif why:
        typer.echo(f"{why}\n{found.detail}".rstrip(), err=True)
    else:
        typer.echo(f"{found.version} answered in {found.seconds:.2f} s.")
    if why:
        raise typer.Exit(1)
