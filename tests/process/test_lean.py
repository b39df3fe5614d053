"""What the programs that run for months load when they start: memory they would never give back."""

import gc
import subprocess
import sys

import pytest

from common.lean import lean
from tests.support.rota_process import ROOT

pytestmark = pytest.mark.process


@pytest.mark.parametrize("program", ["api", "scheduler", "worker"])
def test_a_program_starts_without_what_it_may_never_need(program: str) -> None:
    script = f"from common.lean import lean\nwith lean():\n import {program}.main\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"rich.console", "alembic", "boto3", "authlib", "holidays", "pyarrow"}.isdisjoint(loaded.split())


def test_what_is_hidden_while_a_program_is_imported_is_there_afterwards() -> None:
    with lean():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert sys.modules.get("rich", sys) is not None
