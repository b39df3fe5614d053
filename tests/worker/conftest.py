"""A worker over a fresh database and data folder; nothing of it is left when a test ends."""

import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.db.session import Database
from tests.worker.rig import Rig


def _may_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        asked = ["unshare", "--mount", "mount", "-t", "tmpfs", "rota-test", folder]
        try:
            return subprocess.run(asked, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


collect_ignore = [] if _may_mount() else ["test_disk.py"]


@pytest.fixture
async def rig(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(database, database_url, tmp_path)
    yield made
    await made.close()
