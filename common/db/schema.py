"""Whether the database has the tables this program expects."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from common.db.session import Database

#: The newest revision in `alembic/versions`; a test compares. Known here so that a start need not load alembic.
HEAD = "0014"


async def revision(database: Database) -> str | None:
    """The revision the database is at; None when it has no tables yet. Raises OSError when it is away."""
    try:
        async with database.read() as session:
            found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    except SQLAlchemyError:
        return None


async def ensure_schema(database: Database, url: str) -> None:
    """Bring the database up to date; of several processes that start at once one migrates and the others wait.

    Raises ConfigurationError when the connection cannot keep Rota's promises.
    """
    if await revision(database) != HEAD:
        from common.db import migrate

        await migrate.upgrade(url)
    await database.check()
