"""The command line. Heavy imports wait until a command needs them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import datasource, db, keys, user
from cli.settings import fail, settings_of
from common.errors import ConfigurationError, DomainError
from common.lean import lean

app = typer.Typer(
    name="rota",
    help="Rota runs commands on time, and can always say why something did not run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(db.app, name="db", help="The database's tables.")
app.add_typer(datasource.app, name="datasource", help="Databases that tasks read from and write to.")
app.add_typer(keys.app, name="keys", help="Keys that encrypt secrets in the database.")
app.add_typer(user.app, name="user", help="People who may sign in.")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder for database, keys and spools.")]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int | None, typer.Option("--port", help="Port to listen on.")]
Slots = Annotated[int | None, typer.Option("--slots", help="Executions a worker runs at the same time.")]
Queue = Annotated[list[str] | None, typer.Option("--queue", help="Queue to serve; may be repeated.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take the place of the worker that runs here, and all that it runs.")
]
Name = Annotated[str | None, typer.Option("--name", help="Name of this worker on this machine.")]


@app.command()
def up(host: Host = None, port: Port = None, data_dir: DataDir = None, slots: Slots = None) -> None:
    """Run everything on this machine: web server, scheduler and worker, restarted when one dies."""
    from cli.supervisor import run

    raise typer.Exit(run(settings_of(host=host, port=port, data_dir=data_dir, slots=slots)))


@app.command()
def api(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the web server: pages and API."""
    with lean():
        from api.main import main

    _serve("api", main, host=host, port=port, data_dir=data_dir)


@app.command()
def scheduler(data_dir: DataDir = None) -> None:
    """Run a scheduler. Several may run over one database."""
    with lean():
        from scheduler.main import main

    _serve("scheduler", main, data_dir=data_dir)


@app.command()
def worker(
    data_dir: DataDir = None, slots: Slots = None, queue: Queue = None, name: Name = None, take_over: TakeOver = False
) -> None:
    """Run a worker. Any number may run, on any number of machines, over one database."""
    with lean():
        from worker.main import main

    run = partial(main, take_over=take_over)
    _serve("worker", run, data_dir=data_dir, slots=slots, queues=queue, worker_name=name)


@app.command()
def status(
    data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Show what is at work and how much there is to do."""
    from cli.status import show

    _run(lambda: show(settings_of(data_dir=data_dir), as_json=as_json))


@app.command()
def version() -> None:
    """Print the version."""
    from common.version import __version__

    typer.echo(__version__)


def _serve(process: str, run: Callable[[Any], Awaitable[None]], **given: object) -> None:
    """Run one process of Rota until it is told to stop."""
    settings = settings_of(**given)
    from common import logging

    logging.configure(settings, process)
    _run(lambda: run(settings))


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    try:
        asyncio.run(main())
    except (ConfigurationError, DomainError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    """Run the command line; a setting that will not do is said in one line."""
    try:
        app()
    except ConfigurationError as error:
        fail(str(error))
