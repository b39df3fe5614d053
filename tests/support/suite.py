"""What scripts/test does once the environment is there: run each check, print how long it took, leave nothing behind.

Without arguments every check and test runs, also on a second Python. With arguments only pytest runs, with those.
"""

import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from tests.support import canaries, servers

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv/bin"
OLDEST_PYTHON = (3, 11)
#: Four at once on two cores: many tests wait for processes and servers. A file stays together, it may share what is
#: slow to start.
#: In the order of tests/conftest.py: by number of tests the few long ones would come last, one after the other.
AT_ONCE = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")
#: Those of chaos wait most of their time, for a lease to end or for the minute to be over. One at a time is handed out:
#: by the usual batches one process would get two of the three long ones.
CHAOS_AT_ONCE = ("-n", "6", "--dist", "loadgroup", "--no-loadscope-reorder")
#: Where the tests with these marks are: each process reads all the files it is given, which takes it five seconds for
#: those of all tests. `tests/test_style.py` finds a mark anywhere else.
BROWSER = ("tests/e2e", "tests/security/test_xss.py")
CHAOS = ("tests/chaos",)
#: On the second Python: what depends on the language. Markup, SQL, whole programs and the long property tests are the
#: same on every Python.
ON_EVERY_PYTHON = (
    "tests/domain",
    *(f"tests/api/test_{name}.py" for name in ("auth", "languages", "limits", "output_stream", "tasks", "uploads")),
    "tests/worker/runner",
    *(f"tests/worker/test_{name}.py" for name in ("helper", "python", "work")),
    "tests/security/test_encryption.py",
    *(f"--ignore=tests/domain/{name}.py" for name in ("test_cronsim", "test_reference", "test_fuzz")),
    "-m",
    "not browser and not process and not chaos",
)
PYTHON_SCRIPT = b"#!/usr/bin/env python3"  # ruff does not find them by itself: they have no .py

_PR_SET_CHILD_SUBREAPER = 36
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants us to stop."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@dataclass(frozen=True)
class Result:
    """How one step ended."""

    step: str
    problem: str
    seconds: float


@dataclass(frozen=True)
class Step:
    """One command under a name; `environment` is added to that of all."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """Its name and its command, as it is printed."""
        return f"==> {self.name}: {' '.join(map(str, self.command)).replace(f'{ROOT}/', '')}"


@dataclass(frozen=True)
class _Running:
    """A step under way; `said` is where it prints when that is not the terminal."""

    step: Step
    child: "subprocess.Popen[bytes]"
    started: float
    said: Path | None


@dataclass(frozen=True)
class Python:
    """An interpreter on this machine."""

    version: tuple[int, int]
    path: str

    @property
    def name(self) -> str:
        return ".".join(map(str, self.version))


def _interrupt(signum: int, frame: FrameType | None) -> None:
    for each in _STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # the clean-up is not interrupted again
    raise Interrupted(signum)


def _adopt_orphans() -> None:
    """Whatever a test leaves behind becomes our child, however it left its session, and so can be found and ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(children: Sequence["subprocess.Popen[bytes]"]) -> dict[int, float]:
    """Wait for all of them, and meanwhile bury adopted orphans: a test may look whether they are gone.

    Gives when each ended: process id -> seconds on the monotonic clock.
    """
    left = {child.pid: child for child in children}
    ends = {}
    while left:
        dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if dead is None:
            continue
        if child := left.pop(dead.si_pid, None):
            child.wait()
            ends[dead.si_pid] = time.monotonic()
        else:
            os.waitpid(dead.si_pid, 0)
    return ends


def _end(child: subprocess.Popen[bytes], interrupted: Interrupted) -> None:
    """Let pytest tear down its fixtures: Ctrl-C has reached it already, any other signal has reached only us.

    It takes two SIGINT where a test holds up the event loop: asyncio answers the first by cancelling the task.
    """
    if interrupted.signum != signal.SIGINT:
        child.send_signal(signal.SIGINT)
    for patience in (3, 4, 8):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            return
        child.send_signal(signal.SIGINT)
    child.kill()
    child.wait()


def _end_leftovers(before: set[psutil.Process], *, patience: float) -> list[str]:
    """End every process we have now and did not have before; gives the commands that would not go by themselves."""
    found: dict[psutil.Process, str] = {}
    for _ in range(10):
        children = [child for child in psutil.Process().children() if child not in before]
        everything = [each for child in children for each in (child, *_descendants(child))]
        _, alive = psutil.wait_procs(everything, timeout=patience)
        if not alive:
            break
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[process] = " ".join(process.cmdline())[:200]
                process.kill()
        psutil.wait_procs(alive, timeout=5)
    return list(found.values())


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


class Suite:
    """The steps of one run and how they ended."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        self.begun = time.monotonic()
        self.results: list[Result] = []

    def run(self, name: str, *command: str | Path) -> bool:
        """Run one command as one step; what it leaves running is a failure too."""
        return self.together(Step(name, command))

    def together(self, *steps: Step) -> bool:
        """Run these beside each other: the first prints as it goes, what the others say is shown after it."""
        before = set(psutil.Process().children())
        running = [self._start(step, aside=number > 0) for number, step in enumerate(steps)]
        try:
            ends = _wait([one.child for one in running])
        except Interrupted as interrupted:
            for one in running:
                _end(one.child, interrupted)
            _end_leftovers(before, patience=0)
            raise
        for one in running:
            if one.said is not None:
                print(f"\n{one.step.heading}", flush=True)
                sys.stdout.buffer.write(one.said.read_bytes())
                sys.stdout.flush()
        left = _end_leftovers(before, patience=3)
        for command in left:
            print(f"left running: {command}", flush=True)
        for one in running:
            code = one.child.returncode
            problem = f"exit status {code}" if code else "left processes running" if left else ""
            self.results.append(Result(one.step.name, problem, ends[one.child.pid] - one.started))
        return not any(one.child.returncode for one in running) and not left

    def _start(self, step: Step, *, aside: bool) -> _Running:
        print(f"\n{step.heading}{' (beside it)' if aside else ''}", flush=True)
        said = self.folder / f"{len(self.results)}-{step.name.replace('/', '-')}.log" if aside else None
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(said.open("wb")) if said else None
            child = subprocess.Popen(
                step.command,
                cwd=ROOT,
                env=self.environment | dict(step.environment),
                stdout=out,
                stderr=subprocess.STDOUT if out else None,
            )
        return _Running(step, child, time.monotonic(), said)

    def add(self, step: str, problem: str, seconds: float) -> None:
        self.results.append(Result(step, problem, seconds))

    @property
    def failed(self) -> bool:
        return any(result.problem for result in self.results)

    def print_summary(self) -> None:
        print("\n==> Summary")
        for result in self.results:
            verdict = f"FAILED  ({result.problem})" if result.problem else "ok"
            print(f"{result.seconds:7.1f} s  {result.step:<36} {verdict}")
        print(f"{time.monotonic() - self.begun:7.1f} s  in all", flush=True)


def _check(suite: Suite) -> None:
    scripts = [path for path in sorted((ROOT / "scripts").iterdir()) if path.read_bytes().startswith(PYTHON_SCRIPT)]
    suite.run("ruff format", BIN / "ruff", "format", "--check", ".", *scripts)
    suite.run("ruff check", BIN / "ruff", "check", ".", *scripts)
    suite.run("lint-imports", BIN / "lint-imports")


def _test(suite: Suite) -> None:
    version = _this_python().name
    other = _other_python()
    venv = f".venv-{other.name}" if other else ""
    beside = [Step("mypy", [BIN / "mypy"])]
    if other is not None:
        making = ("scripts/bootstrap", "--dev", "--venv", venv, "--python", other.path, "--compile-later")
        beside.append(Step(f"make {venv}", making))
    most: list[str | Path] = [BIN / "pytest", *AT_ONCE, "--durations=25", "-m", "not browser and not chaos"]
    suite.together(Step(f"pytest, Python {version}", most), *beside)
    # By themselves: Playwright's event loop stays in its process, and pytest-asyncio cannot have another one there.
    # There each process starts a Rota of its own anyway, so their tests need not stay together.
    browser = Step("pytest, browser", [BIN / "pytest", *BROWSER, "-n", "2", "--durations=10", "-m", "browser"])
    if other is None:
        print("\nNo second Python on this machine: the tests ran on one only.")
        suite.together(browser)
    else:
        # The engines were all there on the first Python; here it is about the language.
        command: list[str | Path] = [ROOT / venv / "bin/pytest", "-n", "2", "--dist", "loadfile", *ON_EVERY_PYTHON]
        suite.together(browser, Step(f"pytest, Python {other.name}", command, {"ROTA_TEST_KINDS": "sqlite"}))
    # They come last: what else is wrong shows sooner elsewhere.
    suite.run("pytest, chaos", BIN / "pytest", *CHAOS, *CHAOS_AT_ONCE, "-rP", "--durations=10", "-m", "chaos")


def _this_python() -> Python:
    return Python(sys.version_info[:2], sys.executable)


def _other_python() -> Python | None:
    """The newest final CPython on this machine, or the oldest Rota supports when we run on the newest."""
    programs = [program for folder in os.get_exec_path() for program in glob.glob(f"{folder}/python3.*")]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    programs += glob.glob(f"{pyenv}/versions/*/bin/python3.*")
    found = {python for program in programs if (python := _describe(program)) is not None}
    others = sorted((p for p in found if p.version != _this_python().version), key=lambda p: (p.version, p.path))
    if not others:
        return None
    return others[-1] if others[-1].version > _this_python().version else others[0]


def _describe(program: str) -> Python | None:
    if not re.search(r"/python3\.\d+$", program):
        return None
    query = "import sys; v = sys.version_info; print(sys.implementation.name, v[3], v[0], v[1], sys._base_executable)"
    done = subprocess.run([program, "-c", query], capture_output=True, text=True)
    match done.stdout.split():
        case ["cpython", "final", major, minor, path] if (int(major), int(minor)) >= OLDEST_PYTHON:
            return Python((int(major), int(minor)), path)
    return None


@contextlib.contextmanager
def _servers(suite: Suite) -> Iterator[bool]:
    print("\n==> Starting PostgreSQL and MariaDB", flush=True)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        problem = ""
        try:
            suite.environment |= stack.enter_context(servers.running())
        except servers.ServerError as error:
            print(error, file=sys.stderr)
            problem = "did not start"
        suite.add("database servers", problem, time.monotonic() - started)
        yield not problem


def _search(suite: Suite, temporary: Path) -> None:
    """No secret of any kind may be left in what the tests wrote: databases, logs, spools, folders."""
    started = time.monotonic()
    found = canaries.left_in(temporary)
    for path in found:
        print(f"holds a secret: {path}", flush=True)
    suite.add("search for secrets", f"{len(found)} files hold one" if found else "", time.monotonic() - started)


def _environment(temporary: Path) -> dict[str, str]:
    """Ours, without a developer's own settings of Rota, and with a place for temporary files that we remove."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("ROTA_") or name == "ROTA_ALLOW_SKIP"
    }
    # Else every process that a test starts would compile Rota again, and pytest every test.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"TMPDIR": str(temporary)}


def main(arguments: Sequence[str]) -> int:
    """Run; gives the exit status."""
    for each in _STOP_SIGNALS:
        signal.signal(each, _interrupt)
    _adopt_orphans()
    temporary = Path(tempfile.mkdtemp(prefix="rota-test-"))
    temporary.chmod(0o711)  # tasks of another user pass through, nobody lists it
    suite = Suite(_environment(temporary), temporary)
    try:
        if not arguments:
            _check(suite)
        with _servers(suite) as are_up:
            if are_up and arguments:
                suite.run("pytest", BIN / "pytest", *arguments)
            elif are_up:
                _test(suite)
        _search(suite, temporary)
    except Interrupted as interrupted:
        print("\nInterrupted; everything is stopped.", flush=True)
        return 128 + interrupted.signum
    finally:
        _end_leftovers(set(), patience=0)
        shutil.rmtree(temporary, ignore_errors=True)
    suite.print_summary()
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
