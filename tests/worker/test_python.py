"""Python tasks: saved programs and programs of their own, the interpreters that run them, what they find there."""

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.db.models import Execution, table_of
from common.domain.states import Status
from common.errors import Invalid
from common.paths import ROOT
from common.services import programs
from common.services.programs import ProgramInput, ProgramUpdate
from tests.worker.rig import Rig

E = table_of(Execution)
SEED = Path(__file__).parent / "programs" / "test_task.py.txt"

LOOK = """
import json, multiprocessing, os, sys
import rota

def there(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True

def child(queue):
    queue.put([there("rota"), rota.sources()])

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    seen = queue.get(timeout=30)
    process.join()
    print(json.dumps({
        "argv": sys.argv[1:], "name": __name__, "file": os.path.basename(__file__), "stdin": sys.stdin.read(),
        "ours": [name for name in ("api", "common", "worker", "cli", "scheduler") if there(name)],
        "libraries": there("httpx"), "child": seen, "helper": hasattr(rota, "query"), "beside": there("beside"),
        "utf8": sys.flags.utf8_mode, "encoding": sys.stdout.encoding, "A": os.environ["A"], "text": "你好 🎉",
        "exit": callable(exit), "id": rota.execution.id, "task": os.environ["TASK_NAME"],
    }, ensure_ascii=False))
"""


FAILS = """def f():
    1 / 0

try:
    f()
except ZeroDivisionError as e:
    raise ValueError('因为') from e
"""


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


async def saved(rig: Rig, name: str, source: str) -> int:
    async with rig.database.write() as session:
        row = await programs.create(session, ProgramInput(name=name, source=source), now=await rig.clock.now(session))
    return int(row.id)


async def report_of(rig: Rig, execution: int) -> Any:
    async with rig.database.read() as session:
        return await session.scalar(select(E.c.report).where(E.c.id == execution))


async def test_the_test_task_of_the_fourth_source_runs_unchanged(rig: Rig) -> None:
    program = await saved(rig, "test_task.py", SEED.read_text("utf-8"))
    env = {"TASK_DESCRIPTION": "用于测试任务调度引擎的功能", "PARAM1": "值1", "DISPLAY_COLOR": "blue"}
    task = await rig.create(
        "", name="测试任务", kind="python", spec={"program_id": program}, env=env, args=["--day", "一"]
    )
    rig.start()
    (first,) = await rig.run(task)
    assert (await rig.until(first)).status == Status.SUCCESS, await rig.text(first)
    _, stderr = await rig.text(first)
    for line in ("任务开始执行", "PARAM1 = 值1", "TASK_NAME = 测试任务", "参数 1: --day", "参数 2: 一", "任务执行完成"):
        assert line in stderr, line
    log = rig.folder / "logs" / f"task_{task}.log"
    assert "任务执行完成" in log.read_text("utf-8")


async def test_a_program_runs_as_it_would_from_a_shell_and_sees_nothing_of_rota(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "beside.py").write_text("x = 1\n")
    rig.start()
    run = await rig.run_command(
        LOOK, kind="python", name="看", env={"A": "ü"}, args=["a b", "-c"], cwd=str(tmp_path / "here")
    )
    assert (await rig.until(run)).status == Status.SUCCESS, await rig.text(run)
    found = json.loads((await rig.text(run))[0])
    assert found == {
        "argv": ["a b", "-c"],
        "name": "__main__",
        "file": "task.py",
        "stdin": "",
        "ours": [],
        "libraries": True,
        "child": [True, []],
        "helper": True,
        "beside": True,
        "utf8": 1,
        "encoding": "utf-8",
        "A": "ü",
        "text": "你好 🎉",
        "exit": True,
        "id": run,
        "task": "看",
    }


async def test_what_a_program_does_wrong_is_said_with_its_own_lines_only(rig: Rig) -> None:
    rig.start()
    cases = {
        "import sys\nsys.exit(3)": "exit code 3",
        FAILS: "exit code 1",
        "x = 1\nif x\n    pass": "exit code 1",
        "raise SystemExit('no data today')": "exit code 1",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)": "ended by SIGKILL",
    }
    runs = {command: await rig.run_command(command, kind="python") for command in cases}
    for command, run in runs.items():
        row = await rig.until(run)
        assert (row.status, row.error) == (Status.FAILED, cases[command]), await rig.text(run)
    texts = [(await rig.text(run))[1] for run in runs.values()]
    assert "ZeroDivisionError" in texts[1]
    assert "ValueError: 因为" in texts[1]
    assert 'task.py", line 2, in f' in texts[1]
    assert "    1 / 0" in texts[1]
    assert 'task.py", line 2\n    if x' in texts[2]
    assert texts[3] == "no data today\n"
    assert not any("start.py" in text for text in texts)


async def test_a_task_keeps_to_its_version_or_takes_the_newest(rig: Rig) -> None:
    program = await saved(rig, "hello", "print('one')\n")
    newest = await rig.create("", kind="python", spec={"program_id": program})
    fixed = await rig.create("", kind="python", spec={"program_id": program, "version": 1})
    async with rig.database.write() as session:
        now = await rig.clock.now(session)
        await programs.update(session, program, ProgramUpdate(source="print('two')\n"), now=now)
    with pytest.raises(Invalid, match="no version 7"):
        await rig.create("", kind="python", spec={"program_id": program, "version": 7})
    with pytest.raises(Invalid, match="no program 99"):
        await rig.create("", kind="python", spec={"program_id": 99})
    rig.start()
    runs = [(await rig.run(task))[0] for task in (newest, fixed)]
    for run in runs:
        await rig.until(run, Status.SUCCESS)
    assert [(await rig.text(run))[0] for run in runs] == ["two\n", "one\n"]
    async with rig.database.write() as session:
        await programs.delete(session, program, force=True, now=await rig.clock.now(session))
    (gone,) = await rig.run(newest)
    row = await rig.until(gone)
    assert (row.status, row.error) == (Status.FAILED, "the program that this task runs does not exist any more")


async def test_a_named_interpreter_runs_it_and_a_missing_one_is_named(rig: Rig, tmp_path: Path) -> None:
    script = tmp_path / "wrapped"
    script.write_text(f'#!/bin/sh\nexport WRAPPED=yes\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    rig.start(interpreters={"wrapped": str(script), "gone": "/nowhere/python"})
    command = "import os, rota\nprint(os.environ.get('WRAPPED'), rota.execution.task_name)"
    good = await rig.run_command(command, kind="python", spec={"interpreter": "wrapped"})
    gone = await rig.run_command(command, kind="python", spec={"interpreter": "gone"})
    unknown = await rig.run_command(command, kind="python", spec={"interpreter": "py27"})
    assert (await rig.until(good)).status == Status.SUCCESS, await rig.text(good)
    assert (await rig.text(good))[0] == "yes a task\n"
    assert (await rig.until(gone)).exit_code == 127
    assert "/nowhere/python cannot be started: No such file" in (await rig.text(gone))[1]
    row = await rig.until(unknown)
    assert "no interpreter named py27 (it has: gone, wrapped)" in row.error


def wheel(folder: Path) -> Path:
    """A package that needs no network and nothing to build it."""
    path = folder / "greeting-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        "greeting.py": "WORD = 'from a package'\n",
        "greeting-1.0.dist-info/METADATA": about,
        "greeting-1.0.dist-info/WHEEL": kind,
    }
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text)}")
        archive.writestr("greeting-1.0.dist-info/RECORD", "\n".join([*lines, "greeting-1.0.dist-info/RECORD,,\n"]))
    return path


async def test_an_environment_is_made_from_what_the_program_says_it_needs(rig: Rig, tmp_path: Path) -> None:
    package = wheel(tmp_path)
    program = (
        "# /// script\n# dependencies = ['greeting']\n"
        f"# [tool.uv.sources]\n# greeting = {{ path = '{package}' }}\n# ///\n"
        "import sys, greeting, rota\nrota.result(word=greeting.WORD)\nprint(greeting.WORD, sys.argv[1:], sys.prefix)\n"
    )
    rig.start(uv=str(ROOT / ".tools/bin/uv"))
    env = {"UV_OFFLINE": "1", "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}
    run = await rig.run_command(program, kind="python", spec={"interpreter": "uv"}, env=env, args=["x"])
    row = await rig.until(run, timeout=60)
    stdout, stderr = await rig.text(run)
    assert row.status == Status.SUCCESS, stderr
    assert stdout.startswith("from a package ['x'] ")
    assert str(rig.folder / "uv") in stdout
    assert (await report_of(rig, run))["result"] == {"word": "from a package"}
    await rig.finish()
    rig.start(uv="/nowhere/uv")
    missing = await rig.run_command(program, kind="python", spec={"interpreter": "uv"})
    assert "needs uv" in (await rig.until(missing)).error


async def test_progress_results_warnings_and_files_reach_the_execution(rig: Rig) -> None:
    program = """
import rota
for number in range(1, 4):
    rota.progress(number, 3, unit="orders", text="第 %d 个" % number)
rota.artifact("日报.csv").write_text("a,b\\n", encoding="utf-8")
(rota.files() / "more.txt").write_text("more")
rota.warn("2 orders without a customer")
rota.result(orders=3, day="2026-11-27")
for bad in ("", "..", "a/b", "/etc/passwd"):
    try:
        rota.artifact(bad)
    except rota.RotaError:
        print("refused", bad)
"""
    rig.start()
    run = await rig.run_command(program, kind="python")
    assert (await rig.until(run)).status == Status.SUCCESS, await rig.text(run)
    assert (await rig.text(run))[0] == "refused \nrefused ..\nrefused a/b\nrefused /etc/passwd\n"
    report = await report_of(rig, run)
    shown = report["progress"]
    assert (shown["done"], shown["total"], shown["unit"], shown["text"]) == (3, 3, "orders", "第 3 个")
    assert report["result"] == {"orders": 3, "day": "2026-11-27"}
    assert report["warnings"] == ["2 orders without a customer"]


@pytest.mark.parametrize(
    ("command", "spec", "words"),
    [
        ("", {}, "Write a program"),
        ("print(1)", {"program_id": 1}, "not both"),
        ("print(1)", {"version": 1}, "Only a saved program"),
        ("print(1)", {"interpreter": "/usr/bin/python3"}, "String should match"),
        ("print(1)", {"keep_files": True}, "Extra inputs"),
    ],
)
async def test_a_task_that_makes_no_sense_is_refused(rig: Rig, command: str, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await rig.create(command, kind="python", spec=spec)
