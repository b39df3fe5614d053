"""Processes that start together over one database: `python -m tests.db.starting COUNT < URL`.

Each says `ready` when it has its tables, and `created` for every time it ran the first migration.
"""

import asyncio
import os
import sys

from alembic.ddl.impl import DefaultImpl

from common.db.schema import ensure_schema
from common.db.session import Database
from tests.db.forks import fork_all


def _count_first_migrations() -> None:
    create = DefaultImpl.create_table

    def counted(self: DefaultImpl, table: object, **options: object) -> None:
        if getattr(table, "name", "") == "tasks":
            os.write(1, b"created\n")
        create(self, table, **options)  # type: ignore[arg-type]

    DefaultImpl.create_table = counted  # type: ignore[method-assign]


async def start(url: str) -> None:
    database = Database(url)
    await ensure_schema(database, url)
    await database.dispose()
    os.write(1, b"ready\n")


if __name__ == "__main__":
    url = sys.stdin.read()
    _count_first_migrations()
    sys.exit(fork_all(int(sys.argv[1]), lambda number: asyncio.run(start(url))))
