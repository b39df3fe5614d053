"""The raw limit of the machine: spawning the same commands from C, with nothing recorded."""

import shutil
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("raw.c")


class NoCompiler(Exception):
    """There is no C compiler: without the raw limit a figure says more about the machine than about Rota."""


def build(folder: Path) -> Path:
    """Compile the loop into `folder`; returns the program. Raises NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("no C compiler found (apt-get install gcc)")
    program = folder / "raw"
    subprocess.run([compiler, "-O2", "-o", program, _SOURCE], check=True)
    return program


def spawns_per_second(program: Path, command: str, count: int = 2000) -> float:
    """How often a second this machine can run `command` when nothing else is done."""
    done = subprocess.run([program, str(count), command], check=True, capture_output=True, text=True)
    return count / float(done.stdout)
