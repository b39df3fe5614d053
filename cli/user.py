"""`rota user`: people who may sign in."""

import asyncio
import getpass
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.settings import fail, settings_of
from common.errors import DomainError

if TYPE_CHECKING:
    from datetime import datetime

    from common.db.models import User
    from common.db.session import WriteSession

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the embedded database.")]


def _password() -> str:
    """The password: from a prompt, or the first line of standard input; never from an argument others can see."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _in_transaction(data_dir: Path | None, work: "Callable[[WriteSession, datetime], Awaitable[T]]") -> T:
    from common.clock import Clock
    from common.db.schema import ensure_schema
    from common.db.session import Database
    from common.domain.permissions import ADMINISTRATOR, Actor

    async def run() -> T:
        url = settings_of(data_dir=data_dir).url
        database = Database(url, pool_size=1, actor=Actor(None, getpass.getuser(), ADMINISTRATOR, "cli"))
        try:
            await ensure_schema(database, url)
            async with database.write() as session:
                return await work(session, await Clock().now(session))
        finally:
            await database.dispose()

    try:
        return asyncio.run(run())
    except DomainError as error:
        fail(str(error))


@app.command("list")
def list_(
    search: Annotated[str, typer.Option(help="Part of a user name, name or e-mail address.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List users."""
    from common.queries import users as queries
    from common.queries.users import UserQuery

    async def work(session: "WriteSession", now: "datetime") -> "list[User]":
        rows, _ = await queries.page(session, UserQuery(search, page_size=100_000))
        return rows

    rows = _in_transaction(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_told(row) for row in rows], indent=2))
        return
    width = max((len(row.username) for row in rows), default=0)
    for row in rows:
        notes = [name for name, on in (("disabled", not row.is_active), ("second factor", bool(row.totp_secret))) if on]
        typer.echo(f"{row.username:<{width}}  {row.role:<13}  {', '.join(notes)}".rstrip())


def _told(user: "User") -> dict[str, object]:
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "email": user.email,
        "role": user.role,
        "is_active": user.is_active,
        "second_factor": bool(user.totp_secret),
        "last_login_at": user.last_login_at.isoformat() if user.last_login_at else None,
    }


@app.command("create", hidden=True)
@app.command()
def add(
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
    from common.security import passwords
    from common.services import users

    given = secrets.token_urlsafe(15) if generate else _password()

    async def work(session: "WriteSession", now: "datetime") -> None:
        user = await users.named(session, username)
        passwords.check_rules(given, username=user.username)
        await users.set_password(session, user, await passwords.hash_password(given), now=now)

    _in_transaction(data_dir, work)
    typer.echo(given if generate else f"{username} has a new password.")


@app.command()
def role(username: str, role: str, data_dir: DataDir = None) -> None:
    """Make a user a viewer, operator or administrator; every sign-in of theirs ends."""
    _change(username, data_dir, role=role)
    typer.echo(f"{username} is {role} now.")


@app.command()
def disable(username: str, data_dir: DataDir = None) -> None:
    """Keep a user out: every sign-in of theirs ends, and their API keys are dead."""
    _change(username, data_dir, is_active=False)
    typer.echo(f"{username} is disabled.")


@app.command()
def enable(username: str, data_dir: DataDir = None) -> None:
    """Let a disabled user in again."""
    _change(username, data_dir, is_active=True)
    typer.echo(f"{username} is enabled.")


def _change(username: str, data_dir: Path | None, **fields: object) -> None:
    from pydantic import ValidationError

    from common.services import users
    from common.services.users import UserPatch

    try:
        patch: UserPatch = UserPatch.model_validate(fields)
    except ValidationError:
        fail("A role is one of viewer, operator, administrator.")

    async def work(session: "WriteSession", now: "datetime") -> None:
        user = await users.named(session, username)
        await users.change(session, user.id or 0, patch, now=now)

    _in_transaction(data_dir, work)


@app.command()
def delete(username: str, data_dir: DataDir = None) -> None:
    """Delete a user who owns no tasks."""
    from common.services import users

    async def work(session: "WriteSession", now: "datetime") -> None:
        user = await users.named(session, username)
        await users.remove(session, user.id or 0, now=now)

    _in_transaction(data_dir, work)
    typer.echo(f"Deleted {username}.")


@app.command("totp-off")
def totp_off(username: str, data_dir: DataDir = None) -> None:
    """Switch a user's second factor off, for somebody whose phone and recovery codes are gone."""
    from common.services import second_factor, users

    async def work(session: "WriteSession", now: "datetime") -> bool:
        return await second_factor.disable(session, await users.named(session, username), now=now)

    was_on = _in_transaction(data_dir, work)
    typer.echo(f"{username}: the second factor is off." if was_on else f"{username} had no second factor.")


@app.command()
def invite(username: str, data_dir: DataDir = None) -> None:
    """Print a one-time link with which a user chooses a password; good for a week."""
    from api.welcome import address
    from common.services import users

    async def work(session: "WriteSession", now: "datetime") -> str:
        return await users.invite(session, await users.named(session, username), now=now)

    token = _in_transaction(data_dir, work)
    settings = settings_of(data_dir=data_dir)
    typer.echo(f"{settings.public_url.rstrip('/') or address(settings)}/ui/invitation?token={token}")
