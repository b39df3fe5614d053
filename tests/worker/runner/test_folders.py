"""What a task is given beside its environment, and what it leaves: input in memory, a folder that outlives it."""

import os
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually
from tests.worker.runner.client import Client, RunnerProcess, py, sh, stderr, stdout

SECRET = "床前明月光-s3cret"


def gone(folder: str) -> None:
    assert not os.path.exists(folder)


async def test_the_input_is_read_and_stands_nowhere_else(client: Client, runner: RunnerProcess) -> None:
    script = sh(
        "cat; readlink /proc/self/fd/0 >&2; tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' ' ' </proc/$$/environ;"
        "echo; ls /proc/self/fd"
    )
    result = await client.run(script, stdin="明 " * 100_000 + SECRET, secrets=[SECRET], output_cap=4 << 20)
    said = stdout(result).decode()
    assert said.startswith("明 " * 100_000 + "***")
    assert SECRET not in said
    assert b"/memfd:" in stderr(result)
    assert said.split("\n")[-5:] == ["0", "1", "2", "3", ""], "descriptors besides the usual three, and that of ls"
    for path in runner.directory.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    assert (await client.run(sh("cat"), id=2))["exit_code"] == 0


async def test_a_folder_stays_until_the_result_is_acknowledged(client: Client) -> None:
    write = sh("echo 1,2 >$ROTA_ARTIFACTS/a.csv; echo '{}' >$ROTA_REPORT; pwd")
    result = await client.run(write, folder=True)
    folder = result["folder"]
    assert client.folders[1, 1] == folder
    assert Path(folder, "files", "a.csv").read_text() == "1,2\n"
    assert Path(folder, "report.json").read_text() == "{}\n"
    assert oct(os.stat(folder).st_mode)[-3:] == "700"
    assert not stdout(result).decode().strip().startswith(folder)
    await client.ack((1, 1))
    await eventually(lambda: gone(folder))

    assert "folder" not in await client.run(sh("test -z $ROTA_REPORT"), id=2)
    failed = await client.run(["/nowhere/at/all"], id=3, folder=True)
    assert failed["outcome"] == "spawn_error"
    await client.ack((3, 1))
    await eventually(lambda: gone(os.path.dirname(folder) + "/3-1"))


async def test_a_folder_outlives_the_runner(runner: RunnerProcess, client: Client) -> None:
    ended = await client.run(sh("echo kept >$ROTA_ARTIFACTS/x"), folder=True)
    forgotten = os.path.join(os.path.dirname(ended["folder"]), "77-1")
    os.mkdir(forgotten)
    await client.start({"id": 2, "argv": py("import time; time.sleep(60)"), "folder": True})
    await client.begun(2)
    await runner.kill()
    await runner.launch()
    again = await runner.client()
    assert (await again.result(1))["folder"] == ended["folder"]
    lost = await again.result(2)
    assert lost["outcome"] == "lost"
    assert Path(ended["folder"], "files", "x").read_text() == "kept\n"
    assert os.path.isdir(lost["folder"])
    gone(forgotten)
    await again.ack((1, 1), (2, 1))
    await eventually(lambda: gone(ended["folder"]))
    await eventually(lambda: gone(lost["folder"]))


async def test_what_is_no_text_is_refused(client: Client) -> None:
    found: list[dict[str, Any]] = [{"stdin": 5}, {"secrets": [1]}]
    for number, wrong in enumerate(found, start=10):
        refused = await client.run(sh("true"), id=number, **wrong)
        assert refused["outcome"] == "spawn_error"
        assert "is not text" in refused["error"]
