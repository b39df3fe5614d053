"""What a result says of how a task ended and what it wrote."""

import json
import os
import resource
import signal
from pathlib import Path

import pytest

from tests.worker.runner.client import ENV, Client, RunnerProcess, py, sh, stderr, stdout


async def test_it_reports_what_a_task_wrote_and_how_it_ended(client: Client) -> None:
    result = await client.run(sh("echo out; echo err >&2; exit 7"))
    assert (result["outcome"], result["exit_code"], result["signal"]) == ("exited", 7, None)
    assert (stdout(result), stderr(result)) == (b"out\n", b"err\n")
    assert (result["stdout_bytes"], result["stdout_cut"], result["error"], result["proof"]) == (4, None, None, None)
    assert result["finished_at"] >= result["started_at"]
    assert result["duration"] >= 0
    assert result["cpu_seconds"] >= 0


async def test_it_reports_the_signal_that_ended_a_task(client: Client) -> None:
    result = await client.run(sh("kill -SEGV $$"))
    assert (result["outcome"], result["exit_code"], result["signal"]) == ("exited", None, 11)


async def test_a_task_gets_its_environment_and_the_cookie_and_nothing_else(
    runner: RunnerProcess, client: Client
) -> None:
    script = "import os, json; print(json.dumps([dict(os.environ), sorted(os.listdir('/proc/self/fd')), os.getcwd()]))"
    result = await client.run(py(script), env=ENV | {"A": "1"}, id=5, token=3)
    environment, descriptors, directory = json.loads(stdout(result))
    assert environment == ENV | {"A": "1", "ROTA_COOKIE": f"{runner.name}:5:3"}
    assert descriptors == ["0", "1", "2", "3"]  # 3 is the listing itself
    assert f"/rota-{runner.name}/" in directory


async def test_a_task_that_reads_stdin_finds_its_end(client: Client) -> None:
    result = await client.run(sh("cat; echo done"))
    assert stdout(result) == b"done\n"


async def test_a_task_starts_with_default_signal_handling(tmp_path: Path) -> None:
    # As a shell starts what runs in the background.
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        runner = RunnerProcess(tmp_path)
        await runner.launch()
    finally:
        signal.signal(signal.SIGQUIT, before)
    try:
        client = await runner.client()
        result = await client.run(sh("grep -E 'SigIgn|SigBlk' /proc/self/status"))
    finally:
        await runner.close()
    _, blocked, _, ignored = stdout(result).split()
    # 32 and 33 are glibc's own: its posix_spawn, which newer Pythons use, leaves them ignored.
    ours = ~(1 << 31 | 1 << 32)
    assert (int(blocked, 16) & ours, int(ignored, 16) & ours) == (0, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"argv": ["no-such-program"]}, "program no-such-program was not found in PATH"),
        ({"argv": ["/no/such"]}, "program /no/such does not exist"),
        ({"argv": ["/etc/passwd"]}, "program /etc/passwd may not be run: it is not executable or not permitted"),
        ({"argv": ["/bin/true"], "cwd": "/no/where"}, "working directory /no/where does not exist"),
        ({"argv": ["/bin/true"], "cwd": "/etc/passwd"}, "working directory /etc/passwd is not a directory"),
        (
            {"argv": ["/bin/true", "x" * 200_000]},
            "the arguments and the environment together are too long for this system",
        ),
        ({"argv": ["/bin/true", "a\0b"]}, "the command cannot be passed to the system: embedded null byte"),
        ({"argv": []}, "the command is empty or holds something that is not text"),
        ({"argv": ["no-such-program"], "limits": {"cpu": 5}}, "program no-such-program was not found in PATH"),
        ({"argv": ["/etc/passwd"], "limits": {"cpu": 5}}, "program /etc/passwd may not be run: it is not executable"),
    ],
)
async def test_a_task_that_cannot_start_says_why(client: Client, options: dict[str, object], said: str) -> None:
    await client.start({"id": 1} | options)
    result = await client.result(1)
    assert (result["outcome"], result["exit_code"], result["pid"]) == ("spawn_error", None, None)
    assert result["error"].startswith(said)
    assert stdout(await client.run(sh("echo fine"), id=2)) == b"fine\n"


async def test_a_script_without_interpreter_says_so(client: Client, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/interpreter\n")
    script.chmod(0o755)
    result = await client.run([str(script)])
    assert result["error"] == f"program {script} cannot be run: the interpreter it names does not exist"


async def test_bytes_below_the_cap_come_back_as_they_were(client: Client) -> None:
    raw = bytes(range(256)) * 40 + b"\0\xff\xfe\x1b[0m"
    result = await client.run(py(f"import sys; sys.stdout.buffer.write({raw!r})"))
    assert stdout(result) == raw


async def test_one_endless_line_is_no_trouble(client: Client) -> None:
    result = await client.run(py("print('x' * 300_000, end='')"))
    assert stdout(result) == b"x" * 300_000


async def test_of_100_megabytes_it_keeps_both_ends_in_little_memory(runner: RunnerProcess, client: Client) -> None:
    before = runner.memory()
    script = "import sys\nfor n in range(100): sys.stdout.buffer.write(b'%07d\\n' % n * 131072)"
    result = await client.run(py(script), output_cap=1000)
    assert stdout(result) == b"0000000\n" * 62 + b"0000" + b"099\n" + b"0000099\n" * 62
    assert result["stdout_bytes"] == 100 << 20
    assert result["stdout_cut"] == [500, (100 << 20) - 1000]
    result = await client.run(py(script), id=2)
    assert len(stdout(result)) == 1 << 20
    assert runner.memory() - before < 30 << 20


async def test_output_is_shown_while_a_task_runs(client: Client) -> None:
    await client.start({"id": 1, "argv": sh("echo one; echo two >&2; cat /dev/zero | head -c 100; exec sleep 60")})
    await client.shown(1, b"one\n")
    await client.shown(1, b"\0" * 100)
    pieces = [piece for output in client.outputs for piece in output["pieces"]]
    assert [piece[0] for piece in pieces] == sorted(piece[0] for piece in pieces)
    assert client.seen(1, "e") == b"two\n"
    assert next(piece[2] for piece in pieces if piece[1] == "o") == 0
    await client.stop(1)
    assert stdout(await client.result(1)) == b"one\n" + b"\0" * 100


async def test_live_output_ends_with_the_head(client: Client) -> None:
    await client.start({"id": 1, "argv": sh("head -c 5000 /dev/zero; exec sleep 60"), "output_cap": 100})
    await client.shown(1, b"\0" * 50)
    assert client.outputs[-1]["skipping"] == ["o"]
    assert len(client.seen(1)) == 50
    await client.stop(1)
    assert (await client.result(1))["stdout_cut"] == [50, 4900]


async def test_200_tasks_at_once(client: Client) -> None:
    await client.start(*({"id": n, "argv": sh(f"echo {n}")} for n in range(200)))
    for n in range(200):
        assert stdout(await client.result(n)) == b"%d\n" % n
    assert len(client.order) == 200


async def test_descriptors_running_out_is_said_and_survived(runner: RunnerProcess, client: Client) -> None:
    few = len(os.listdir(f"/proc/{runner.process.pid}/fd")) + 2
    limits = resource.prlimit(runner.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(runner.process.pid, resource.RLIMIT_NOFILE, (few, limits[1]))
    result = await client.run(sh("echo no"))
    assert result["outcome"] == "spawn_error"
    assert result["error"] == "/bin/sh could not be started: too many files are open on this worker"
    resource.prlimit(runner.process.pid, resource.RLIMIT_NOFILE, limits)
    assert stdout(await client.run(sh("echo yes"), id=2)) == b"yes\n"
