"""What output costs the processes that carry it, and how soon it is seen."""

import shlex

import pytest

from common.domain.states import Status
from tests.support.eventually import eventually
from tests.worker.rig import Rig
from tests.worker.runner.client import py
from worker import output
from worker.runner import procfs, server

LOUD = "import os\nfor _ in range(1600): os.write(1, bytes(range(256)) * 256)"


@pytest.mark.process
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_hundred_megabytes_cost_worker_and_runner_less_than_thirty(rig: Rig) -> None:
    worker = rig.spawn()
    await rig.until(await rig.run_command("echo warm"))
    (runner,) = await eventually(worker.children)
    before = {process.pid: procfs.peak_memory(process.pid) for process in (worker, runner)}
    row = await rig.until(await rig.run_command(shlex.join(py(LOUD))))
    assert (row.status, row.stdout_bytes) == (Status.SUCCESS, 100 << 20)
    grown = {pid: (procfs.peak_memory(pid) or 0) - (held or 0) for pid, held in before.items()}
    print("bytes more than before:", *grown.values())
    assert sum(grown.values()) < 30 << 20


def test_output_is_in_the_database_within_a_second() -> None:
    """It waits for the runner's tick, then for the worker's."""
    assert server.TICK + server.GROUP + output.TICK < 1
