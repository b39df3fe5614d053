"""A second way into the same database, as another process would have it."""

from collections.abc import AsyncIterator

import pytest

from common.db.session import Database


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """The same database with connections of its own, and on SQLite without the first one's turn."""
    other = Database(database_url, pool_size=2)
    yield other
    await other.dispose()
