"""The mark that fork and exec hand down."""

import os
import subprocess
import sys

from worker.runner import birthmark

NAME = "test"
PRINT = "import sys; sys.path.insert(0, {root!r}); from worker.runner import birthmark; print(birthmark.read({pid}))"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))


def read_by_child(before: str = "") -> str:
    """What a program that is started now reads of itself."""
    script = before + PRINT.format(root=ROOT, pid="__import__('os').getpid()")
    return subprocess.run([sys.executable, "-c", script], env={}, capture_output=True, check=True, text=True).stdout


def test_what_is_started_wears_it_and_nobody_else() -> None:
    assert birthmark.read(os.getpid()) is None
    mark = birthmark.of(NAME, (7, 1))
    with birthmark.worn(mark):
        assert read_by_child() == f"{mark}\n"
    assert birthmark.read(os.getpid()) is None
    assert read_by_child() == "None\n"


def test_no_two_attempts_share_one() -> None:
    keys = [(execution, token) for execution in range(1, 200) for token in range(1, 6)]
    marks = {birthmark.of(name, key) for name in ("a", "b") for key in keys}
    assert len(marks) == 2 * len(keys)
    assert min(marks) >= 1 << 62


def test_who_is_kept_to_less_starts_what_it_starts_without() -> None:
    kept = "import resource; resource.setrlimit(resource.RLIMIT_RTTIME, (5, 5))\n"
    tried = f"import sys; sys.path.insert(0, {ROOT!r})\nfrom worker.runner import birthmark\n"
    tried += "with birthmark.worn(birthmark.of('test', (7, 1))): print(resource.getrlimit(resource.RLIMIT_RTTIME))\n"
    assert read_by_child(kept + tried) == "(5, 5)\nNone\n"


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert birthmark.read(2**22 + 1) is None
