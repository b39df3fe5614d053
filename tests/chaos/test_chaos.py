"""A minute of kill -9, SIGSTOP, SIGTERM, cut lines and dying servers under load: the history has no fault in it."""

import os
from pathlib import Path

import pytest

from tests.chaos.__main__ import run, seed_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]
SECONDS = 60


async def test_no_fault_makes_a_history_that_breaks_a_promise(database_kind: str, tmp_path: Path) -> None:
    report = await run(database_kind, tmp_path, seed=seed_of(os.environ.get("ROTA_TEST_SEED")), seconds=SECONDS)
    print(report)  # pytest shows it when it fails, scripts/test always
    assert not report.violations, report
    # A run in which nothing happened would prove nothing.
    assert report.starts > report.instants / 10
    assert report.faults.total() > SECONDS / 3
