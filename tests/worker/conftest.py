"""A worker over a fresh database and data folder; nothing of it is left when a test ends."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.db.session import Database
from tests.worker.rig import Rig


@pytest.fixture
async def rig(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(database, database_url, tmp_path)
    yield made
    await made.close()
