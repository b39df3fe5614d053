"""A fresh runner for each test, and a client of it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worker.runner.client import Client, RunnerProcess

collect_ignore = [] if os.geteuid() == 0 else ["test_run_as.py"]


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[RunnerProcess]:
    # Longer than the 108 bytes a socket's address may have.
    process = RunnerProcess(tmp_path / ("a-long-data-directory-" * 5))
    await process.launch()
    yield process
    await process.close()


@pytest.fixture
async def client(runner: RunnerProcess) -> Client:
    return await runner.client()
