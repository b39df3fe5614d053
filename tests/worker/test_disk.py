"""A worker whose disk is full: it takes nothing more, what runs goes on, and nothing that ended is lost.

Only where a disk so small can be had: conftest.py leaves this file out where nobody may mount one.
"""

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.db.session import Database
from common.domain.states import Status
from tests.support.eventually import eventually
from tests.support.interleave import one_engine
from tests.worker.rig import Rig

pytestmark = one_engine
SIZE = 8 << 20
#: More than what is left when the disk is full.
TALK = "seq 60000; echo done"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for SIZE bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "rota-test", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    """Write until the disk has no room."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


async def test_it_takes_nothing_more_and_loses_nothing(
    database: Database, database_url: str, disk: Path, tmp_path: Path
) -> None:
    rig = Rig(database, database_url, disk)
    gate, over = tmp_path / "gate", tmp_path / "over"
    rig.start(slots=4)
    try:
        await rig.until(await rig.run_command("true"))
        wait = f"while test ! -e {gate}; do sleep 0.05; done"
        running = await rig.run_command(f"echo begun; {wait}; {TALK}; touch {over}")
        await rig.until(running, Status.RUNNING)

        async def shown() -> None:
            assert (await rig.text(running))[0] == "begun\n"

        await eventually(shown)
        fill(disk / "filler")
        await eventually(lambda: says(disk, "full full=True"))
        refused = await rig.run_command("echo later")
        # What ran before ends while the disk is full, and is recorded: the worker is well, and has had the time.
        gate.touch()
        row = await rig.until(running)
        assert (row.status, over.exists()) == (Status.SUCCESS, True)
        text, _ = await rig.text(running)
        assert text.splitlines() == ["begun", *map(str, range(1, 60001)), "done"]
        assert (await rig.get(refused)).status == Status.QUEUED
        (disk / "filler").unlink()
        assert (await rig.until(refused)).status == Status.SUCCESS
    finally:
        await rig.close()


async def test_what_the_disk_refused_is_written_when_there_is_room(
    database: Database, database_url: str, disk: Path, tmp_path: Path
) -> None:
    """The worker is gone, and the runner has no room for a result. It keeps it, writes it as soon as there is room, and
    then is killed too: it is on the disk."""
    rig = Rig(database, database_url, disk)
    gate = tmp_path / "gate"
    try:
        worker = rig.spawn()
        execution = await rig.run_command(f"echo begun; while test ! -e {gate}; do sleep 0.05; done; {TALK}")

        async def shown() -> None:
            assert (await rig.text(execution))[0] == "begun\n"

        await eventually(shown)
        (runner,) = worker.children()
        rig.kill()
        fill(disk / "filler")
        gate.touch()
        await eventually(lambda: says(disk, "spool_failing"))
        assert written(disk) == 0
        (disk / "filler").unlink()
        await eventually(lambda: is_one(written(disk)))
        runner.kill()
        rig.spawn()
        row = await rig.until(execution)
        assert (row.status, row.token) == (Status.SUCCESS, 1)
        assert (await rig.text(execution))[0].endswith("\n60000\ndone\n")
    finally:
        await rig.close()


def written(disk: Path) -> int:
    """How many results are on the disk."""
    spool = sqlite3.connect(disk / "workers" / "tester" / "runner" / "spool.db")
    try:
        return int(spool.execute("SELECT count(*) FROM results").fetchone()[0])
    finally:
        spool.close()


def is_one(number: int) -> None:
    assert number == 1


def says(disk: Path, what: str) -> None:
    """The runner has logged it."""
    assert what in "".join(path.read_text() for path in disk.rglob("*.log"))
