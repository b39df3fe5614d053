"""`rota keys`: the keys that encrypt secrets in the database."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.settings import fail, settings_of
from common.errors import ConfigurationError, DomainError

if TYPE_CHECKING:
    from common.db.session import Database
    from common.security.encryption import Keyring

app = typer.Typer(no_args_is_help=True)
#: Seconds after a change in which a transaction may still write what it sealed with the key before.
_SETTLED = 60.0
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder with the keys and the embedded database.")]


def _with(data_dir: Path | None, work: Callable[["Keyring", "Database"], Awaitable[None]]) -> None:
    from common.db.schema import ensure_schema
    from common.db.session import Database
    from common.security.encryption import Keyring

    async def run() -> None:
        settings = settings_of(data_dir=data_dir)
        keyring = Keyring(settings)
        keyring.ensure()
        database = Database(settings.url, pool_size=1)
        try:
            await ensure_schema(database, settings.url)
            await work(keyring, database)
        finally:
            await database.dispose()

    try:
        asyncio.run(run())
    except (ConfigurationError, DomainError) as error:
        fail(str(error))


@app.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """Show the keys by name, and how many secrets each has sealed; never a key itself."""
    from common.services import keys

    async def show(keyring: "Keyring", database: "Database") -> None:
        async with database.read() as session:
            uses = await keys.uses(session)
        here = [key.name for key in keyring.keys()]  # noqa: SIM118
        for name in [*here, *sorted(uses.keys() - set(here))]:
            state = "current" if name == here[0] else "old" if name in here else "MISSING on this machine"
            typer.echo(f"{name}  {uses[name]} secrets  {state}")

    _with(data_dir, show)


@app.command()
def generate() -> None:
    """Print a new key, for ROTA_ENCRYPTION_KEYS."""
    from common.security.encryption import new_key

    typer.echo(new_key().text())


@app.command()
def add(data_dir: DataDir = None) -> None:
    """Add a key to the file without using it yet: copy the file to the other machines, then rotate to it."""
    from common.security.encryption import new_key

    async def append(keyring: "Keyring", database: "Database") -> None:
        key = new_key()
        keyring.store([*keyring.keys(), key])
        typer.echo(f"Added {key.name}. When every machine has {keyring.path}: rota keys rotate --to {key.name}")

    _with(data_dir, append)


@app.command()
def rotate(
    to: Annotated[str, typer.Option("--to", help="Name of a key in the file; without it a new one is made.")] = "",
    forget_old: Annotated[bool, typer.Option("--forget-old", help="Only remove keys that nothing uses.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Encrypt every secret with another key, while Rota runs. What was interrupted goes on when called again."""
    from common.clock import Clock
    from common.services import keys

    async def change(keyring: "Keyring", database: "Database") -> None:
        async with database.read() as session:
            before = await keys.uses(session)
        if not forget_old:
            _choose(keyring, to, unfinished=bool(before.keys() - {keyring.keys()[0].name}))
        count = await keys.reseal(database, keyring)
        async with database.write() as session:
            await keys.note(session, keyring, count, now=await Clock().now(session))
        typer.echo(f"{count} secrets encrypted anew with {keyring.keys()[0].name}.")
        if forget_old:
            await _forget(keyring, database)
        elif len(keyring.keys()) > 1 and not keyring.from_settings:
            typer.echo("The old keys are kept. In a minute: rota keys rotate --forget-old")

    _with(data_dir, change)


def _choose(keyring: "Keyring", to: str, *, unfinished: bool) -> None:
    """Put the key that is to be used first; an unfinished change is finished before another begins."""
    from common.security.encryption import new_key

    known = {key.name: key for key in keyring.keys()}  # noqa: SIM118
    if to and to not in known:
        raise ConfigurationError(f"There is no key {to}. `rota keys list` shows them.")
    if to:
        chosen = known[to]
    elif unfinished or keyring.from_settings:
        return
    else:
        chosen = new_key()
    if chosen != keyring.keys()[0]:
        keyring.store([chosen, *(key for key in known.values() if key != chosen)])


async def _forget(keyring: "Keyring", database: "Database") -> None:
    """Remove the keys that nothing is sealed with; not while somebody may still be writing with the one before."""
    from common.clock import Clock
    from common.services import keys

    age = Clock().local().timestamp() - keyring.path.stat().st_mtime if not keyring.from_settings else 0.0
    if age < _SETTLED:
        wait = f"{_SETTLED - age:.0f}"
        raise ConfigurationError(f"The keys were changed a moment ago, and may be in use. Try again in {wait} s.")
    async with database.read() as session:
        uses = await keys.uses(session)
    current, *others = keyring.keys()
    kept = [key for key in others if uses[key.name]]
    keyring.store([current, *kept])
    typer.echo(f"{len(others) - len(kept)} keys forgotten.")
