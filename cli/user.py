"""`rota user`: people who may sign in."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.settings import fail, settings_of
from common.errors import DomainError

if TYPE_CHECKING:
    from datetime import datetime

    from common.db.session import WriteSession

app = typer.Typer(no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the embedded database.")]


def _password() -> str:
    """The password: from a prompt, or the first line of standard input; never from an argument others can see."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _in_transaction(data_dir: Path | None, work: Callable[["WriteSession", "datetime"], Awaitable[object]]) -> None:
    from common.clock import Clock
    from common.db.schema import ensure_schema
    from common.db.session import Database

    async def run() -> None:
        url = settings_of(data_dir=data_dir).url
        database = Database(url, pool_size=1)
        try:
            await ensure_schema(database, url)
            async with database.write() as session:
                await work(session, await Clock().now(session))
        finally:
            await database.dispose()

    try:
        asyncio.run(run())
    except DomainError as error:
        fail(str(error))


@app.command()
def create(
    username: str,
    role: Annotated[str, typer.Option(help="viewer, operator or administrator.")] = "operator",
    data_dir: DataDir = None,
) -> None:
    """Create a user; the password is asked for, or read from standard input."""
    from common.services import users

    password = _password()
    _in_transaction(data_dir, lambda session, now: users.create(session, username, password, role=role, now=now))
    typer.echo(f"Created {username} ({role}).")


@app.command()
def password(
    username: str,
    generate: Annotated[bool, typer.Option("--generate", help="Make one and print it, once.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Give a user a new password; every sign-in of theirs ends."""
    from common.services import users

    given = secrets.token_urlsafe(15) if generate else _password()
    _in_transaction(data_dir, lambda session, now: users.set_password(session, username, given))
    typer.echo(given if generate else f"{username} has a new password.")
