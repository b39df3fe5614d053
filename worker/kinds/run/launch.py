"""Becomes the interpreter of a Python task: `python -I -S <this file>`, what to do on standard input.

The program is written to the execution's folder and run from there, as any other program is. What it needs of its data
sources stays in memory: the file descriptor that ROTA_JOB names, which the module `rota` reads and no child inherits.
Needs nothing but the standard library, as it is started before every program.
"""

import json
import os
import sys

#: Bytes of a task's own log from which on it is begun anew; the old one stays beside it.
_LOG_SIZE = 10 << 20


def main() -> int:
    """Does not return where all is well."""
    job = json.loads(sys.stdin.buffer.read())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    folder = os.path.join(os.path.dirname(os.environ["ROTA_REPORT"]), "program")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, job["file"])
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(job["source"])
    _prepare_log()
    os.environ["ROTA_JOB"] = str(_in_memory(job["data_sources"]))
    argv = [*job["argv"], *_start(job, path), *job["args"]]
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        print(f"{argv[0]} cannot be started: {error.strerror}", file=sys.stderr)
    return 127


def _start(job: dict, path: str) -> list:  # type: ignore[type-arg]
    """The program itself; or what makes `rota` known and ours unknown before it runs it."""
    if job["by_metadata"]:
        own = [job["helper"], *([os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else [])]
        os.environ["PYTHONPATH"] = os.pathsep.join(own)
        return [path]
    return [os.path.join(job["helper"], "start.py"), job["hidden"], path]


def _in_memory(data_sources: list) -> int:  # type: ignore[type-arg]
    fd = os.memfd_create("rota-job", 0)
    data = json.dumps({"data_sources": data_sources}).encode()
    while data:
        data = data[os.write(fd, data) :]
    return fd


def _prepare_log() -> None:
    """TASK_LOG names a file in a folder that is there."""
    log = os.environ.setdefault(
        "TASK_LOG", os.path.join(os.environ["ROTA_ARTIFACTS"], f"task_{os.environ['ROTA_TASK_ID']}.log")
    )
    try:
        os.makedirs(os.path.dirname(log) or ".", mode=0o700, exist_ok=True)
        if os.path.getsize(log) > _LOG_SIZE:
            os.replace(log, f"{log}.1")
    except OSError:
        pass  # it is the program's to say what it makes of that


if __name__ == "__main__":
    sys.exit(main())
