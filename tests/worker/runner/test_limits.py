"""What a task may use, and what the result says of it; the folder a task gets that names none."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.worker.runner.client import Client, RunnerProcess, py, sh, stderr, stdout
from worker.runner.job import FIRST_LOOK

HOG = "import sys; x = bytearray(1 << 30); print(len(x))"


async def test_limits_hold_from_the_first_step(client: Client) -> None:
    limits = {"memory": 512 << 20, "cpu": 9, "files": 64, "nice": 3}
    result = await client.run(sh("ulimit -d; ulimit -t; ulimit -H -t; ulimit -n; nice"), limits=limits)
    assert stdout(result).split()[:4] == [b"524288", b"9", b"10", b"64"]


async def test_a_memory_hog_is_told_apart(client: Client) -> None:
    result = await client.run(py(HOG), limits={"memory": 512_000_000})
    assert b"MemoryError" in stderr(result)
    assert result["error"] == "exit code 1, most likely because of its memory limit of 512 MB"


async def test_a_task_that_burns_too_much_cpu_is_ended(client: Client) -> None:
    result = await client.run(py("while True: pass"), limits={"cpu": 1})
    assert (result["signal"], result["error"]) == (24, "ended by its CPU limit of 1 s")
    assert 0.5 < result["cpu_seconds"] < 2
    deaf = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    result = await client.run(py(deaf), id=2, limits={"cpu": 1})
    assert (result["signal"], result["error"]) == (9, "ended by its CPU limit of 1 s")


async def test_too_many_open_files_are_refused(client: Client) -> None:
    result = await client.run(py("x = [open('/dev/null') for _ in range(99)]"), limits={"files": 32})
    assert result["error"] == "exit code 1, most likely because of its limit of 32 open files"


async def test_success_under_limits_is_success(client: Client) -> None:
    result = await client.run(sh("echo Cannot allocate memory >&2"), limits={"memory": 1 << 30, "cpu": 5})
    assert (result["exit_code"], result["error"]) == (0, None)


async def test_a_small_task_is_not_said_to_be_as_large_as_the_runner(client: Client) -> None:
    short = await client.run(["/bin/true"])
    assert short["peak_memory"] is None
    # What it says after that long comes after the first look at its memory.
    await client.start({"id": 2, "argv": sh(f"sleep {FIRST_LOOK + 0.2}; echo seen; exec sleep 600")})
    await client.shown(2, b"seen")
    await client.stop(2)
    seen = await client.result(2)
    assert 100_000 < seen["peak_memory"] < 8_000_000
    large = await client.run(py("x = bytearray(200_000_000)"), id=3)
    assert 200_000_000 < large["peak_memory"] < 260_000_000


# --- the folder ---


async def test_a_task_without_a_folder_gets_a_private_one_that_goes(client: Client) -> None:
    result = await client.run(sh("pwd; stat -c %a .; umask; mkdir deep; echo x > deep/file; chmod 500 deep"))
    folder, mode, umask = stdout(result).decode().split()
    assert (mode, umask) == ("700", "0077")

    def gone() -> None:
        assert not Path(folder).exists()

    await eventually(gone)


async def test_a_folder_that_was_left_empty_serves_again_and_no_other(client: Client) -> None:
    first = stdout(await client.run(sh("pwd")))
    assert stdout(await client.run(sh("pwd; touch left"), id=2)) == first
    third = stdout(await client.run(sh("pwd; ls; chmod 755 ."), id=3))
    assert third.splitlines() != first.splitlines()
    assert len(third.splitlines()) == 1
    assert stdout(await client.run(sh("pwd; stat -c %a ."), id=4)).split()[1] == b"700"


async def test_a_successor_takes_the_folders_of_the_lost_away(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": sh("pwd; echo x > file; exec sleep 600")})
    await client.shown(1, b"\n")
    folder = Path(client.seen(1).decode().strip())
    await runner.kill()
    assert (folder / "file").exists()
    await runner.launch()
    assert (await (await runner.client()).result(1))["outcome"] == "lost"

    def gone() -> None:
        assert not folder.exists()

    await eventually(gone)


async def test_a_task_gains_no_rights_that_it_was_not_given(client: Client) -> None:
    result = await client.run(sh("grep NoNewPrivs /proc/self/status"))
    assert stdout(result).split() == [b"NoNewPrivs:", b"1"]


# --- cgroups: the kernel's files are played by a folder, so that this runs on machines without a delegated subtree ---


@pytest.fixture
async def grouped(tmp_path: Path) -> AsyncIterator[RunnerProcess]:
    (tmp_path / "group").mkdir()
    process = RunnerProcess(tmp_path / "runner", cgroup=tmp_path / "group")
    await process.launch()
    yield process
    await process.close()


async def test_a_task_with_limits_gets_a_cgroup(grouped: RunnerProcess, tmp_path: Path) -> None:
    client = await grouped.client()
    assert client.hello["limits"] == "cgroup"
    place = tmp_path / "group" / f"rota-{grouped.name}-1-1"
    events = f"echo oom_kill 1 > {place}/memory.events; echo 5000000 > {place}/memory.peak; kill -9 $$"
    limits = {"memory": 64_000_000, "processes": 12, "cpu": 5}
    touch = f"ls {place}; cat {place}/memory.max {place}/pids.max; ulimit -d; ulimit -t; {events}"
    place.mkdir()
    (place / "cgroup.procs").touch()
    result = await client.run(sh(touch), limits=limits)
    text = stdout(result).decode()
    assert re.search("64000000\n?12\n?unlimited\n5\n$", text), text
    assert (place / "cgroup.procs").read_text() == "0\n"
    assert (result["signal"], result["error"]) == (9, "ended by its memory limit of 64 MB")
    assert result["peak_memory"] == 5_000_000


async def test_a_task_without_limits_gets_none(grouped: RunnerProcess, tmp_path: Path) -> None:
    client = await grouped.client()
    await client.run(sh("true"), limits={"nice": 1, "files": 99})
    assert os.listdir(tmp_path / "group") == []


async def test_a_task_in_a_cgroup_reads_its_input_too(grouped: RunnerProcess, tmp_path: Path) -> None:
    client = await grouped.client()
    place = tmp_path / "group" / f"rota-{grouped.name}-1-1"
    place.mkdir()
    (place / "cgroup.procs").touch()
    result = await client.run(sh("cat"), limits={"memory": 64_000_000}, stdin="一二三")
    assert stdout(result).decode() == "一二三"
    assert (place / "cgroup.procs").read_text() == "0\n"
