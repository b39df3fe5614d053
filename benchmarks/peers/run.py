"""Running a peer: in an environment of its own, which uv makes from the first lines of its program."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks import machine
from benchmarks.stage import Stage

_HERE = Path(__file__).parent
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_PATIENCE = 300.0


class NoPeer(Exception):
    """Something that a peer needs is not on this machine."""


async def apscheduler(stage: Stage, *, count: int = 1_000, command: str = "echo hi") -> dict[str, float]:
    """Jobs a second of APScheduler, and their lateness in ms."""
    url = make_url(stage.url).set(drivername=_DRIVERS[stage.kind]).render_as_string(hide_password=False)
    return await _figures("apscheduler_burst.py", count, [url, str(count), command], {})


async def celery(stage: Stage, *, count: int = 1_000, command: str = "echo hi") -> dict[str, float]:
    """Tasks a second of Celery on a Redis that keeps nothing on disk, and their lateness in ms; the database of the
    stage has nothing to do."""
    with _redis(stage.folder) as url:
        return await _figures("celery_burst.py", count, [str(count), command], {"PEER_REDIS": url})


async def _figures(program: str, count: int, arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        _uv(),
        "run",
        "--quiet",
        "--no-project",
        str(_HERE / program),
        *arguments,
        stdout=subprocess.PIPE,
        env=os.environ | environment,
    )
    async with asyncio.timeout(_PATIENCE):
        said, _ = await process.communicate()
    if process.returncode:
        raise NoPeer(f"{program} ended with status {process.returncode}")
    found = json.loads(said)
    assert len(found["started"]) == count, f"{len(found['started'])} of {count} ran"
    return {
        "per_second": count / found["ended"],
        "late_p50_ms": machine.percentile(found["started"], 0.5) * 1e3,
        "late_p99_ms": machine.percentile(found["started"], 0.99) * 1e3,
    }


def _uv() -> str:
    for name in ("uv", str(Path.cwd() / ".tools/bin/uv")):
        if found := shutil.which(name):
            return found
    raise NoPeer("uv is not on this machine (scripts/bootstrap gets it)")


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        raise NoPeer("redis-server is not installed (apt-get install redis-server)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
