"""What happens when the worker, the runner or the disk fails: nothing is lost and nothing runs twice."""

import asyncio
import os
import resource
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.clocks import clock_of, offset
from tests.support.eventually import eventually
from tests.worker.runner.client import MAIN, PYTHON, Client, RunnerProcess, all_sleep, sh, stdout
from worker.runner.place import SOCKET


async def test_a_new_worker_takes_over_what_runs_and_what_waits(runner: RunnerProcess, client: Client) -> None:
    for n in range(1, 4):
        await client.run(sh(f"echo {n}"), id=n)
    await client.ack((2, 1))
    await client.start({"id": 9, "argv": sh("echo up; while [ ! -e go ]; do sleep 0.02; done"), "cwd": _home(runner)})
    pid = await client.begun(9)
    await client.close()

    successor = await runner.client()
    assert successor.running == {(9, 1)}
    assert successor.hello["unacked"] == [[1, 1], [3, 1]]
    assert await successor.begun(9) == pid
    assert stdout(await successor.result(3)) == b"3\n"
    assert successor.order == [(1, 1), (3, 1)]
    (runner.directory / "go").touch()
    assert stdout(await successor.result(9)) == b"up\n"


async def test_the_newest_hello_wins(runner: RunnerProcess, client: Client) -> None:
    successor = await runner.client()

    def cut_off() -> None:
        assert client.closed

    await eventually(cut_off)
    assert stdout(await successor.run(sh("echo hi"))) == b"hi\n"
    assert client.results == {}


async def test_results_wait_while_no_worker_is_there(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": sh("while [ ! -e go ]; do sleep 0.02; done; echo bye"), "cwd": _home(runner)})
    pid = await client.begun(1)
    await client.close()
    (runner.directory / "go").touch()

    def ended() -> None:
        assert not Path(f"/proc/{pid}").exists()

    await eventually(ended)
    assert stdout(await (await runner.client()).result(1)) == b"bye\n"


async def test_an_acknowledged_result_is_never_sent_again(runner: RunnerProcess, client: Client) -> None:
    await client.run(sh("true"))
    await client.ack((1, 1), (7, 7))
    await client.run(sh("true"), id=2)
    successor = await runner.client()
    assert successor.hello["unacked"] == [[2, 1]]
    await successor.result(2)
    assert successor.order == [(2, 1)]


async def test_a_start_said_twice_runs_once(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "log"
    job = {"id": 1, "argv": sh(f"echo run >> {log}; sleep 0.3")}
    await client.start(job, job)
    await client.start(job)
    await client.result(1)
    await client.start(job)
    await client.run(sh("true"), id=2)
    assert log.read_text() == "run\n"
    assert client.order == [(1, 1), (2, 1)]


async def test_a_killed_runner_leaves_a_successor_that_knows_all(runner: RunnerProcess, client: Client) -> None:
    await client.run(sh("echo kept"), id=1)
    hidden = "setsid sh -c 'sleep 600 & sleep 601' & sleep 602"
    await client.start({"id": 2, "token": 4, "argv": sh(f"echo up; {hidden}")})
    await client.shown(2, b"up")
    await eventually(lambda: all_sleep(runner, "600", "601", "602"))
    await runner.kill()
    await runner.launch()

    successor = await runner.client()
    lost = await successor.result(2, 4)
    assert (lost["outcome"], lost["exit_code"]) == ("lost", None)
    assert lost["error"].startswith("the runner was killed")
    assert lost["proof"]["left"] == 0
    commands = [process["command"] for process in lost["proof"]["tree"]]
    assert commands.count("sleep") == 3
    assert runner.marked() == {}
    assert stdout(successor.results[1, 1]) == b"kept\n"


async def test_the_next_attempt_waits_for_a_killed_runners_leftovers(
    runner: RunnerProcess, client: Client, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    script = f"trap 'sleep 0.3; echo end 1 >> {log}; exit' TERM; echo up; exec >&- 2>&-; while :; do sleep 0.02; done"
    # Its pipes are closed because they break with the runner, and a shell that says something then dies of SIGPIPE.
    await client.start({"id": 1, "argv": sh(script)})
    await client.shown(1, b"up")
    await runner.kill()
    await runner.launch()
    successor = await runner.client()
    await successor.start({"id": 1, "token": 2, "argv": sh(f"echo start 2 >> {log}")})
    assert (await successor.result(1, 2))["exit_code"] == 0
    assert log.read_text() == "end 1\nstart 2\n"
    assert successor.order == [(1, 1), (1, 2)]


async def test_a_damaged_spool_is_put_aside_and_what_ran_is_lost(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": ["/bin/sleep", "600"]})
    await client.begun(1)
    await runner.kill()
    for path in runner.directory.glob("spool.db-*"):
        path.unlink()
    (runner.directory / "spool.db").write_bytes(b"no database " * 1000)
    await runner.launch()
    assert (await (await runner.client()).result(1))["outcome"] == "lost"
    assert runner.marked() == {}
    assert len(list(runner.directory.glob("spool.damaged-*"))) == 1


async def test_a_worker_that_does_not_read_stops_no_task(runner: RunnerProcess) -> None:
    silent = await runner.client(silent=True)
    loud = "head -c 2000000 /dev/zero"
    await silent.start(*({"id": n, "argv": sh(loud)} for n in range(30)))

    def all_ended() -> None:
        assert runner.marked() == {}
        assert (runner.directory / "spool.db").stat().st_size > 30 * 1_000_000

    await eventually(all_ended)
    successor = await runner.client()
    for n in range(30):
        assert (await successor.result(n))["stdout_bytes"] == 2_000_000
    assert sorted(successor.order) == [(n, 1) for n in range(30)]


async def test_a_disk_that_refuses_is_said_and_loses_nothing(runner: RunnerProcess, client: Client) -> None:
    pid = runner.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    result = await client.run(sh("echo still"))
    assert stdout(result) == b"still\n"

    await eventually(lambda: _last(client, True))
    successor = await runner.client()
    assert stdout(await successor.result(1)) == b"still\n"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    await eventually(lambda: _last(successor, False))
    await runner.kill()
    await runner.launch()
    assert (await runner.client()).hello["unacked"] == [[1, 1]]


async def test_a_clock_that_jumps_ends_no_task(tmp_path: Path) -> None:
    """Time limits and leases are counted on clocks that do not jump."""
    hour = 3600
    file = tmp_path / "offset"
    file.write_text("+0\n")
    wrong = os.environ | clock_of(file)
    runner = RunnerProcess(tmp_path / "runner", env=clock_of(file))
    await runner.launch()
    try:
        client = await runner.client()
        deadline = time.clock_gettime(time.CLOCK_BOOTTIME) + hour / 2
        held = {"timeout": hour / 2, "deadline": deadline, "on_deadline": "stop"}
        await client.start({"id": 1, "argv": sh("while [ ! -e go ]; do sleep 0.02; done"), "cwd": _home(runner)} | held)
        await client.begun(1)
        for number, jump in enumerate((hour, -hour), 2):
            file.write_text(f"{jump:+d}\n")
            assert abs(offset(wrong) - jump) < 60, "the clock is not off at all"
            # Looked at once a tick: its live output says that there have been some since the clock jumped.
            await client.start({"id": number, "argv": sh("echo ticked; exec sleep 600")})
            await client.shown(number, b"ticked")
            await client.stop(number)
            assert (await client.result(number))["outcome"] == "cancelled"
            assert (1, 1) not in client.results
        (runner.directory / "go").touch()
        result = await client.result(1)
        assert (result["outcome"], result["exit_code"]) == ("exited", 0)
        assert 0 < result["duration"] < hour / 2
    finally:
        await runner.close()


async def test_quit_interrupts_what_runs_and_goes(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": ["/bin/sleep", "600"]})
    await client.begun(1)
    await client.say({"op": "quit"})
    assert (await client.result(1))["outcome"] == "interrupted"
    await client.ack((1, 1))
    assert await runner.gone() == 0
    assert not (runner.directory / SOCKET).exists()
    await runner.launch()
    assert (await runner.client()).hello["unacked"] == []


async def test_sigterm_is_like_quit_and_keeps_the_results(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": ["/bin/sleep", "600"]})
    await client.begun(1)
    await client.close()
    runner.process.send_signal(signal.SIGTERM)
    assert await runner.gone() == 0
    await runner.launch()
    assert (await (await runner.client()).result(1))["outcome"] == "interrupted"


async def test_only_one_runner_holds_a_directory(runner: RunnerProcess) -> None:
    second = await asyncio.create_subprocess_exec(
        PYTHON, "-I", "-S", str(MAIN), "--dir", str(runner.directory), "--name", "second", stderr=subprocess.DEVNULL
    )
    assert await second.wait() == 3
    assert (await runner.client()).hello["pid"] == runner.process.pid


async def test_nobody_else_may_speak_with_it(runner: RunnerProcess) -> None:
    assert stat.S_IMODE(runner.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((runner.directory / SOCKET).stat().st_mode) == 0o600


async def test_nonsense_costs_the_connection_and_nothing_else(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": sh("while [ ! -e go ]; do sleep 0.02; done"), "cwd": _home(runner)})
    await client.begun(1)
    await client.say({"op": "no such"})

    def cut_off() -> None:
        assert client.closed

    await eventually(cut_off)
    successor = await runner.client()
    (runner.directory / "go").touch()
    assert (await successor.result(1))["exit_code"] == 0


async def test_a_runner_without_worker_and_work_goes_by_itself(tmp_path: Path) -> None:
    short = RunnerProcess(tmp_path / "short", idle=0.1)
    await short.launch()
    assert await short.gone() == 0
    await short.close()


async def test_a_runner_whose_directory_was_deleted_goes_too(tmp_path: Path) -> None:
    short = RunnerProcess(tmp_path / "short", idle=0.1)
    await short.launch()
    client = await short.client()
    await client.run(sh("true"))
    shutil.rmtree(short.directory)
    await client.close()
    assert await short.gone() == 0
    await short.close()


@pytest.mark.parametrize("word", ["SECRET"])
async def test_its_log_shows_no_environment(runner: RunnerProcess, client: Client, word: str) -> None:
    await client.run(["no-such-program"], env={"PASSWORD": word, "PATH": "/bin"})
    await client.run(sh("echo hi"), id=2, env={"PASSWORD": word, "PATH": "/bin"})
    log = runner.directory.with_suffix(".log").read_text()
    assert "spawn_error" in log
    assert word not in log


def _home(runner: RunnerProcess) -> str:
    return str(runner.directory)


def _last(client: Client, full: bool) -> None:
    assert client.full
    assert client.full[-1] is full
