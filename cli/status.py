"""`rota status`: what is at work, straight from the database."""

import json

import typer

from common.clock import Clock
from common.config import Settings
from common.db.schema import ensure_schema
from common.db.session import Database
from common.services import status
from common.version import __version__

_SHOWN = ("name", "host", "pid", "runner_pid", "slots", "running", "draining", "generation", "taken_over")


async def show(settings: Settings, *, as_json: bool) -> None:
    """Print it, for people or as JSON."""
    database = Database(settings.url, pool_size=1)
    try:
        await ensure_schema(database, settings.url)
        async with database.read() as session:
            found = await status.processes(session, now=await Clock().now(session))
            load = await status.load(session)
    finally:
        await database.dispose()
    workers = [
        {name: getattr(row, name) for name in (*_SHOWN, "limits", "as_root")} for row in found.alive(found.workers)
    ]
    schedulers = [{"host": row.host, "pid": row.pid} for row in found.alive(found.schedulers)]
    if as_json:
        typer.echo(json.dumps({"version": __version__, "schedulers": schedulers, "workers": workers, **load}))
        return
    typer.echo(f"Rota {__version__} on {database.dialect}")
    typer.echo(f"{load['tasks']} tasks; {load['running']} running, {load['queued']} queued, {load['waiting']} waiting")
    for row in schedulers:
        typer.echo(f"scheduler  {row['host']}  pid {row['pid']}")
    for item in workers:
        said = f"worker     {item['host']}  pid {item['pid']}  runner {item['runner_pid'] or '-'}"
        state = "  draining" if item["draining"] else ""
        root = "  as root" if item["as_root"] else ""
        typer.echo(f"{said}  {item['running']} of {item['slots']} slots{state}{root}")
    if not schedulers or not workers:
        typer.echo("Nothing will run: start it with `rota up`.", err=True)
