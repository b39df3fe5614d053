"""`rota db`: migrations by hand."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.settings import settings_of

app = typer.Typer(no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the embedded database.")]


@app.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "head", data_dir: DataDir = None) -> None:
    """Bring the tables up to date."""
    from common.db import migrate

    asyncio.run(migrate.upgrade(settings_of(data_dir=data_dir).url, revision))
    typer.echo("The database is up to date.")


@app.command()
def downgrade(revision: Annotated[str, typer.Argument(help="For example -1.")], data_dir: DataDir = None) -> None:
    """Take the tables back to an older revision. What only newer ones have is lost."""
    from common.db import migrate

    asyncio.run(migrate.downgrade(settings_of(data_dir=data_dir).url, revision))
    typer.echo(f"The database is at {revision}.")
