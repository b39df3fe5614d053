"""The process zoo: whatever a task leaves behind is found and ended."""

import time
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.worker.runner.client import Client, RunnerProcess, all_sleep, daemon, py, sh, stdout


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def commands(result: dict[str, object]) -> list[str]:
    proof = result["proof"]
    assert isinstance(proof, dict)
    assert proof["left"] == 0
    return [process["command"] for process in proof["tree"]]


def pids(result: dict[str, object]) -> list[int]:
    proof = result["proof"]
    assert isinstance(proof, dict)
    return [process["pid"] for process in proof["tree"]]


def signals(result: dict[str, object]) -> dict[str, int]:
    proof = result["proof"]
    assert isinstance(proof, dict)
    return {item["signal"]: item["processes"] for item in proof["signals"]}


async def test_a_cancelled_task_leaves_nothing_and_proves_it(runner: RunnerProcess, client: Client) -> None:
    await client.start({"id": 1, "argv": sh("sleep 600 & sleep 601 & echo up; wait")})
    await client.shown(1, b"up")
    await eventually(lambda: all_sleep(runner, "600", "601"))
    await client.stop(1)
    result = await client.result(1)
    assert (result["outcome"], result["signal"]) == ("cancelled", 15)
    assert {"sleep 600", "sleep 601"} < set(commands(result))
    assert signals(result) == {"SIGTERM": 3}
    assert runner.marked() == {}


async def test_no_secret_is_in_the_proof(client: Client) -> None:
    env = {"PATH": "/bin:/usr/bin", "SECRET": "hunter-seven"}
    job = {"env": env, "masked": ["SECRET"], "argv": sh('sh -c "sleep 600; : $SECRET" & echo up; wait')}
    await client.start({"id": 1} | job)
    await client.shown(1, b"up")
    await client.stop(1)
    seen = " ".join(commands(await client.result(1)))
    assert "hunter" not in seen
    assert "***" in seen


@pytest.mark.parametrize("reason", ["cancelled", "lost", "interrupted"])
async def test_the_outcome_is_the_reason_it_was_stopped_for(client: Client, reason: str) -> None:
    await client.start({"id": 1, "argv": ["/bin/sleep", "600"]})
    await client.begun(1)
    await client.stop(1, reason=reason)
    assert (await client.result(1))["outcome"] == reason


async def test_a_task_that_ignores_sigterm_is_killed(client: Client) -> None:
    await client.start({"id": 1, "argv": sh("trap '' TERM; echo up; while :; do sleep 0.05; done"), "grace": 0.2})
    await client.shown(1, b"up")
    await client.stop(1)
    result = await client.result(1)
    assert (result["outcome"], result["signal"]) == ("cancelled", 9)
    assert signals(result)["SIGKILL"] >= 1


async def test_a_task_may_clean_up_within_its_grace(client: Client) -> None:
    script = "trap 'sleep 0.1; echo cleaned; exit 3' TERM; echo up; while :; do sleep 0.02; done"
    await client.start({"id": 1, "argv": sh(script), "grace": 20.0})
    await client.shown(1, b"up")
    await client.stop(1)
    result = await client.result(1)
    assert (result["outcome"], result["exit_code"]) == ("cancelled", 3)
    assert stdout(result).endswith(b"cleaned\n")
    assert "SIGKILL" not in signals(result)


async def test_a_stopped_task_takes_its_sigterm(client: Client) -> None:
    pid = await _begun(client, sh("trap 'exit 4' TERM; kill -STOP $$; while :; do sleep 0.02; done"))

    def stopped() -> None:
        assert "State:\tT" in Path(f"/proc/{pid}/status").read_text()

    await eventually(stopped)
    await client.stop(1)
    assert (await client.result(1))["exit_code"] == 4


async def test_zombies_are_buried(runner: RunnerProcess, client: Client) -> None:
    script = "import os\nfor _ in range(20):\n  if os.fork() == 0: os._exit(0)\nprint('made')"
    assert stdout(await client.run(py(script))) == b"made\n"

    def no_children() -> None:
        assert Path(f"/proc/{runner.process.pid}/task/{runner.process.pid}/children").read_text().strip() == ""

    await eventually(no_children)


@pytest.mark.parametrize("clean", [False, True], ids=["with cookie", "with an empty environment"])
async def test_a_daemon_of_the_third_generation_ends_with_its_task(client: Client, tmp_path: Path, clean: bool) -> None:
    path = tmp_path / "daemon.pid"
    result = await client.run(daemon(path, clean=clean))
    assert (result["outcome"], result["exit_code"], stdout(result)) == ("exited", 0, b"up\n")
    assert int(path.read_text()) in pids(result)
    assert not alive(int(path.read_text()))


async def test_a_daemon_is_found_while_its_task_runs(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "daemon.pid"
    await client.start({"id": 1, "argv": daemon(path, clean=False, stays=True)})
    await client.start({"id": 2, "argv": ["/bin/sleep", "600"]})
    await client.shown(1, b"up")
    await client.stop(1)
    assert int(path.read_text()) in pids(await client.result(1))
    assert not alive(int(path.read_text()))
    assert alive(await client.begun(2))
    await client.stop(2)
    assert commands(await client.result(2)) == ["/bin/sleep 600"]


async def test_a_daemon_that_hides_is_not_taken_for_anothers(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "daemon.pid"
    await client.start({"id": 1, "argv": ["/bin/sleep", "600"]})
    await client.begun(1)
    ended = await client.run(daemon(path, clean=True), id=2)
    assert int(path.read_text()) in pids(ended)
    assert not alive(int(path.read_text()))
    await client.stop(1)
    assert commands(await client.result(1)) == ["/bin/sleep 600"]


async def test_a_background_child_that_holds_the_pipe_is_ended_after_the_drain(client: Client) -> None:
    result = await client.run(sh("sleep 600 & echo done"), drain=0.1)
    assert (result["exit_code"], stdout(result)) == (0, b"done\n")
    assert [command for command in commands(result) if "sleep 600" not in command] == []


async def test_background_processes_may_be_kept(runner: RunnerProcess, client: Client) -> None:
    result = await client.run(sh("sleep 600 & echo $!"), drain=0.1, keep_background=True)
    assert result["proof"] is None
    pid = int(stdout(result))
    assert alive(pid)
    await client.run(sh("true"), id=2)
    assert runner.marked() == {pid: (1, 1)}
    await client.run(sh(f"kill {pid}"), id=3)


async def test_a_task_that_closes_its_pipes_runs_on(client: Client) -> None:
    result = await client.run(py("import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(5)"))
    assert (result["outcome"], result["exit_code"]) == ("exited", 5)
    assert result["duration"] > 0.25


async def test_a_timeout_ends_the_task(client: Client) -> None:
    result = await client.run(sh("sleep 600; echo never"), timeout=0.1)
    assert (result["outcome"], stdout(result)) == ("timed_out", b"")
    assert any("sleep 600" in command for command in commands(result))


async def test_a_task_past_its_lease_is_stopped_when_it_must_be(client: Client) -> None:
    past = time.clock_gettime(time.CLOCK_BOOTTIME) - 1
    lease = {"argv": ["/bin/sleep", "600"], "deadline": past + 3600}
    await client.start({"id": 1, "on_deadline": "stop"} | lease, {"id": 2, "on_deadline": "run_on"} | lease)
    await client.begun(1)
    await client.begun(2)
    await client.say({"op": "deadline", "leases": [[1, 1, past], [2, 1, past], [3, 1, past]]})
    assert (await client.result(1))["outcome"] == "deadline"
    assert (2, 1) not in client.results
    await client.stop(2)
    assert (await client.result(2))["outcome"] == "cancelled"


async def test_a_task_is_not_started_past_its_lease(client: Client) -> None:
    result = await client.run(["/bin/true"], on_deadline="stop", deadline=1.0)
    assert (result["outcome"], result["pid"]) == ("deadline", None)


async def test_a_new_attempt_waits_until_the_old_one_is_gone(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"trap 'sleep 0.2; echo end 1 >> {log}; exit' TERM; echo up; while :; do sleep 0.02; done"
    await client.start({"id": 1, "argv": sh(script)})
    await client.shown(1, b"up")
    await client.start({"id": 1, "token": 2, "argv": sh(f"echo start 2 >> {log}")})
    assert (await client.result(1, 2))["exit_code"] == 0
    assert client.results[1, 1]["outcome"] == "lost"
    assert log.read_text() == "end 1\nstart 2\n"
    assert client.order == [(1, 1), (1, 2)]


async def _begun(client: Client, argv: list[str]) -> int:
    await client.start({"id": 1, "argv": argv})
    return await client.begun(1)
