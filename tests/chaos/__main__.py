"""A run by itself: `python -m tests.chaos --database postgresql --minutes 30`, with a server of its own."""

import argparse
import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

from common.db.migrate import upgrade
from tests.chaos.run import Chaos, Report
from tests.support import servers
from tests.support.servers import Server

KINDS = {"sqlite": None, "postgresql": servers.POSTGRESQL_URL, "mysql": servers.MYSQL_URL}


@contextlib.contextmanager
def place(kind: str, folder: Path) -> Iterator[tuple[str, Server | None]]:
    """The URL of an empty database, and its server where it has one."""
    variable = KINDS[kind]
    if variable is None:
        yield f"sqlite+aiosqlite:///{folder / 'rota.db'}", None
        return
    with servers.private(variable) as server:
        yield server.url, server


async def run(kind: str, folder: Path, *, seed: int, seconds: float) -> Report:
    """A whole run against a database of this kind."""
    with place(kind, folder) as (url, server):
        if server is not None and kind == "mysql":
            url = await _database_of_its_own(url)
        await upgrade(url)
        return await Chaos(folder, url, server, seed, seconds).run()


async def _database_of_its_own(url: str) -> str:
    """MariaDB's own database is no place for tables."""
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("CREATE DATABASE rota")
    await engine.dispose()
    return make_url(url).set(database="rota").render_as_string(hide_password=False)


def seed_of(text: str | None) -> int:
    """The seed that is named, or a new one."""
    return int(text) if text else secrets.randbelow(1_000_000)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="Break Rota for a while, and check its history.")
    parser.add_argument("--database", choices=KINDS, default="postgresql")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", default=os.environ.get("ROTA_TEST_SEED"))
    parser.add_argument("--keep", type=Path, help="folder for logs, which then stays")
    arguments = parser.parse_args()
    seed = seed_of(arguments.seed)
    print(f"ROTA_TEST_SEED={seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folder = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rota-chaos-")))
        folder.mkdir(exist_ok=True, parents=True)
        report = asyncio.run(run(arguments.database, folder.resolve(), seed=seed, seconds=arguments.minutes * 60))
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
