"""A worker is replaced while its tasks run: none of them notices, and each is recorded once."""

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from common.db.models import Worker, table_of
from common.domain.states import Status
from tests.support.eventually import eventually
from tests.worker.rig import Rig
from tests.worker.runner.client import MAIN
from worker.identity import HAND_OVER

pytestmark = pytest.mark.process

W = table_of(Worker)
COUNT = 50
# Writes a line every 50 ms until the gate opens; says if a signal came by.
BEAT = """trap 'echo signal' TERM HUP INT USR1 CONT
echo begun
n=0; while test ! -e {gate}; do n=$((n + 1)); echo $n >> {folder}/$ROTA_EXECUTION_ID; sleep 0.05; done
echo ended"""

# A runner that says it is of an older version.
OLD = """import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
import worker.runner.protocol
worker.runner.protocol.VERSION -= 1
runpy.run_path(sys.argv[0], run_name="__main__")"""


async def beats(folder: Path, at_least: int) -> None:
    def all_go_on() -> None:
        counts = [len(path.read_text().splitlines()) for path in folder.iterdir()]
        assert len(counts) == COUNT
        assert min(counts) >= at_least, min(counts)

    await eventually(all_go_on)


async def generation(rig: Rig, number: int) -> None:
    async def there() -> None:
        async with rig.database.read() as session:
            row = (await session.execute(select(W))).one()
        assert (row.generation, row.taken_over) == (number, COUNT)

    await eventually(there)


async def test_fifty_tasks_do_not_notice_that_their_worker_is_replaced_twice(rig: Rig, tmp_path: Path) -> None:
    folder, gate = tmp_path / "beats", tmp_path / "gate"
    folder.mkdir()
    ids = await rig.run(await rig.create(BEAT.format(gate=gate, folder=folder)), times=COUNT)
    rig.spawn(slots=COUNT)
    await beats(folder, 2)
    rig.kill()
    rig.spawn(slots=COUNT)
    await generation(rig, 2)
    await beats(folder, 6)
    assert rig.process is not None
    old = rig.process
    rig.spawn("--take-over", slots=COUNT)
    assert await asyncio.to_thread(old.wait, 90) == 0
    await generation(rig, 3)
    await beats(folder, 12)
    gate.touch()
    for execution_id in ids:
        row = await rig.until(execution_id, timeout=60)
        assert (row.status, row.token) == (Status.SUCCESS, 1)
        assert await rig.text(execution_id) == ("begun\nended\n", "")
        assert [each.status for each in await rig.attempts(execution_id)] == [Status.SUCCESS]
        numbers = [int(line) for line in (folder / str(execution_id)).read_text().split()]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_a_worker_that_drains_hands_over_to_whoever_comes(rig: Rig, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    process = rig.spawn(drain_timeout=300)
    execution_id = await rig.run_command(f"echo begun; while test ! -e {gate}; do sleep 0.05; done; echo ended")
    await rig.until(execution_id, Status.RUNNING)

    def places() -> str:
        return (rig.folder / "workers" / "tester" / "lock").read_text()

    process.send_signal(signal.SIGTERM)
    await eventually(lambda: _says(places(), "draining"))
    assert rig.process is not None
    old = rig.process
    rig.spawn()
    assert await asyncio.to_thread(old.wait, 90) == 0
    gate.touch()
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    assert await rig.text(execution_id) == ("begun\nended\n", "")
    assert psutil.pid_exists(rig.process.pid)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_worker_told_to_hand_over_goes_and_leaves_what_runs_to_the_next(rig: Rig, tmp_path: Path) -> None:
    """What `systemctl reload` does: it is told, ends well, and its supervisor starts another."""
    gate = tmp_path / "gate"
    process = rig.spawn()
    execution_id = await rig.run_command(f"echo begun; while test ! -e {gate}; do sleep 0.05; done; echo ended")

    async def shown() -> None:
        assert (await rig.text(execution_id))[0] == "begun\n"

    await eventually(shown)
    process.send_signal(HAND_OVER)
    assert await rig.wait_process() == 0
    row = await rig.get(execution_id)
    assert (row.status, psutil.pid_exists(row.pid)) == (Status.RUNNING, True)
    rig.spawn()
    gate.touch()
    row = await rig.until(execution_id)
    assert (row.status, row.token) == (Status.SUCCESS, 1)
    assert await rig.text(execution_id) == ("begun\nended\n", "")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_runner_of_another_version_gets_no_task_and_is_replaced(rig: Rig) -> None:
    place = rig.folder / "workers" / "tester" / "runner"
    place.mkdir(parents=True)
    command = [sys.executable, "-c", "import sys; sys.argv = sys.argv[1:]\n" + OLD, str(MAIN), str(MAIN.parents[2])]
    old = await asyncio.create_subprocess_exec(*command, "--dir", str(place), "--name", "old")
    await eventually(lambda: _says(" ".join(path.name for path in place.iterdir()), "runner.sock"))
    rig.start()
    row = await rig.until(await rig.run_command("echo hi"))
    assert (row.status, await rig.text(row.id)) == (Status.SUCCESS, ("hi\n", ""))
    assert await asyncio.wait_for(old.wait(), 90) == 0


def _says(text: str, part: str) -> None:
    assert part in text
