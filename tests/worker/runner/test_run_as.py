"""A task that runs as another user. Only root can start one: for anybody else conftest.py leaves this file out."""

import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.worker.runner.client import ENV, Client, RunnerProcess, sh, stdout

# Not nobody, as whom the databases of these tests run: a limit of processes counts all of a user's.
NAME = "daemon"
USER = pwd.getpwnam(NAME)


async def test_a_task_runs_as_another_user_with_nothing_of_ours(client: Client) -> None:
    script = "id -un; id -Gn; echo $HOME $USER $LOGNAME; stat -c %U .; echo x > file && cat file"
    result = await client.run(sh(script), run_as=NAME)
    groups = stdout(result).decode().split("\n")
    assert groups[0] == NAME
    assert "root" not in groups[1].split()
    assert groups[2:5] == [f"{USER.pw_dir} {NAME} {NAME}", NAME, "x"]


async def test_its_own_variables_win_over_those_of_the_user(client: Client) -> None:
    result = await client.run(sh("echo $HOME"), run_as=NAME, env=ENV | {"HOME": "/elsewhere"})
    assert stdout(result) == b"/elsewhere\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"run_as": "no-such-user"}, "user no-such-user does not exist on this worker's machine"),
        ({"run_as": NAME, "cwd": "/root"}, "working directory /root may not be entered: permission denied"),
        (
            {"run_as": NAME, "argv": ["/root/secret"], "limits": {"cpu": 9}},
            "program /root/secret may not be run: it is not executable or not permitted",
        ),
        ({"limits": {"processes": 20}}, "a limit of processes does not hold for root where no cgroup is delegated"),
    ],
)
async def test_what_cannot_hold_is_not_started(client: Client, options: dict[str, Any], said: str) -> None:
    result = await client.run(options.pop("argv", ["/bin/true"]), **options)
    assert result["outcome"] == "spawn_error"
    assert result["error"].startswith(said)


async def test_a_fork_bomb_ends_at_its_limit_and_leaves_nothing(runner: RunnerProcess, client: Client) -> None:
    result = await client.run(sh("while :; do sleep 600 & done"), run_as=NAME, limits={"processes": 30})
    assert result["error"] == "exit code 2, most likely because of its limit of 30 processes"
    proof = result["proof"]
    assert 10 < len(proof["tree"]) + proof["more"] <= 30
    assert proof["left"] == 0
    assert runner.marked() == {}


async def test_a_user_of_the_workers_own_is_no_change(client: Client) -> None:
    assert stdout(await client.run(sh("id -un"), run_as="root")) == b"root\n"


async def test_a_nice_value_below_zero_is_roots_to_give(client: Client) -> None:
    assert (
        stdout(await client.run(sh("until [ $(nice) = -3 ]; do sleep 0.02; done; nice"), limits={"nice": -3}))
        == b"-3\n"
    )


async def test_another_user_reads_its_input_and_has_a_folder_of_its_own(client: Client) -> None:
    script = sh("cat; echo x >$ROTA_ARTIFACTS/x; echo '{}' >$ROTA_REPORT; stat -c %U $ROTA_ARTIFACTS/x $ROTA_REPORT")
    result = await client.run(script, run_as=NAME, stdin="read\n", folder=True)
    assert stdout(result).decode().split() == ["read", NAME, NAME]
    folder = Path(result["folder"])
    assert folder.owner() == NAME
    assert folder.parent.owner() == "root"
    await client.ack((1, 1))
    await eventually(lambda: _gone(folder))


@pytest.mark.parametrize("options", [{}, {"cwd": "/", "folder": True}], ids=["working directory", "files"])
async def test_folders_that_a_user_cannot_reach_are_said_and_not_left(tmp_path: Path, options: dict[str, Any]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    runner = RunnerProcess(tmp_path / "runner", env={"TMPDIR": str(closed)})
    await runner.launch()
    try:
        client = await runner.client()
        result = await client.run(["/bin/true"], run_as=NAME, **options)
        assert result["outcome"] == "spawn_error"
        assert result["error"].startswith(f"user {NAME} may not enter {closed}/")
        assert "TMPDIR" in result["error"]
        assert (await client.run(["/bin/true"], id=2, **options))["exit_code"] == 0
    finally:
        await runner.close()


def _gone(folder: Path) -> None:
    assert not folder.exists()
