"""Where the CPU goes: a py-spy recording of each of Rota's processes while a scenario runs."""

import contextlib
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

_RATE = 500
_SHOWN = 25
_RECORDED = ("api", "scheduler", "worker", "runner")


class NoProfiler(Exception):
    """py-spy is not installed."""


def find() -> str:
    """The program that records; raises NoProfiler."""
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}")
    if program is None:
        raise NoProfiler("py-spy is not installed in this environment (uv pip install py-spy)")
    return program


@contextlib.contextmanager
def recording(processes: Mapping[str, psutil.Process], folder: Path | None) -> Iterator[None]:
    """Record these processes for the length of a `with` block, a file of stacks each; nothing without a folder."""
    if folder is None:
        yield
        return
    program = find()
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--format", "raw", "--rate", str(_RATE), "--nonblocking", "--duration", "unlimited"]
    running = []
    for name, process in processes.items():
        if (words := name.split())[0] in _RECORDED:
            target = ["--pid", str(process.pid), "--output", str(folder / f"{words[0]}.txt")]
            quiet = subprocess.DEVNULL
            running.append(subprocess.Popen([program, "record", *target, *options], stdout=quiet, stderr=quiet))
    try:
        yield
    finally:
        for each in running:
            each.send_signal(signal.SIGINT)
        for each in running:
            each.wait(30)


def main() -> int:
    """`python -m benchmarks.profile FILE…`: the functions with the most samples, alone and with their callees."""
    for path in map(Path, sys.argv[1:]):
        own: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        total = 0
        for line in path.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            total += int(count)
            own[frames[-1]] += int(count)
            for frame in set(frames):
                whole[frame] += int(count)
        print(f"{path}: {total / _RATE:.2f} s of CPU")
        for title, found in (("itself", own), ("with callees", whole)):
            print(f"  {title}")
            for frame, samples in found.most_common(_SHOWN):
                print(f"    {samples / total * 100:5.1f} %  {frame}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
