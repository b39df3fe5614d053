"""Whether the database has the tables this program expects."""

import asyncio
import os
import time

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from common.db.session import Database

#: The newest revision in `alembic/versions`; a test compares. Known here so that a start need not load alembic.
HEAD = "0016"
#: Seconds for which scheduler and worker of `rota up` leave the tables to its web server.
PATIENCE = 5.0


async def revision(database: Database) -> str | None:
    """The revision the database is at; None when it has no tables yet. Raises OSError when it is away."""
    try:
        async with database.read() as session:
            found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    except SQLAlchemyError:
        return None


def patience() -> float:
    """Seconds to wait for the tables before making them: under `rota up` its web server does that. Another process
    that loaded alembic too would keep 10 MB for good."""
    return PATIENCE if "ROTA_SUPERVISOR_FD" in os.environ else 0.0


async def ensure_schema(database: Database, url: str, *, patience: float = 0.0) -> None:
    """Bring the database up to date; of several processes that start at once one migrates and the others wait.

    For `patience` seconds another process may do it. Raises ConfigurationError when the connection cannot keep Rota's
    promises.
    """
    deadline = time.monotonic() + patience
    # Another process makes them: there is no event to wait for.
    while (found := await revision(database)) != HEAD and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    if found != HEAD:
        from common.db import migrate

        await migrate.upgrade(url)
    await database.check()
