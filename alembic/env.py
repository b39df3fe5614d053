"""Where alembic meets Rota: `common.db.migrate` hands over a connection; the alembic command line opens its own."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from common.config import load
from common.db.engine import create_engine
from common.db.migrate import configure_options

config = context.config


def run(connection: Connection) -> None:
    """Migrate over this connection."""
    context.configure(connection=connection, **configure_options())
    with context.begin_transaction():
        context.run_migrations()


async def run_alone() -> None:
    """The alembic command line: connect to the configured database."""
    engine = create_engine(load().url, foreign_keys=False)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


if (given := config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(run_alone())
