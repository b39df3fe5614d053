"""A private database and a Rota on it, started as a user would start them."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.machine import DATABASE
from benchmarks.profile import recording
from common.db.schema import ensure_schema
from common.db.session import Database
from tests.support import rota_process, servers
from tests.support.rota_process import Rota

DATABASES = ("sqlite", "postgresql", "mysql")
_VARIABLES = {"postgresql": servers.POSTGRESQL_URL, "mysql": servers.MYSQL_URL}


@dataclass(frozen=True)
class Running:
    """A Rota at work."""

    main: Rota
    more: list[psutil.Process] = field(default_factory=list)
    profile: Path | None = None

    def profiled(self) -> AbstractContextManager[None]:
        """Record where the CPU goes for the length of a `with` block, if that was asked for."""
        return recording(self.processes(), self.profile)

    def everything(self) -> dict[str, psutil.Process]:
        """Its processes, and those of the database's server."""
        own = {process.pid for process in self.processes().values()}
        servers = [each for each in psutil.Process().children(recursive=True) if each.pid not in own]
        return self.processes() | {f"{DATABASE} {each.pid}": each for each in servers if _is_server(each)}

    def processes(self) -> dict[str, psutil.Process]:
        """Its processes by name, runners included, tasks not."""
        found = {}
        for root in (psutil.Process(self.main.process.pid), *self.more):
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    if name := _name(process.cmdline()):
                        found[f"{name} {process.pid}"] = process
        return found


@dataclass(frozen=True)
class Stage:
    """A database of `kind` at `url`, and a folder for whatever runs on it."""

    kind: str
    url: str
    folder: Path
    #: Where the processes' profiles go, None = nowhere.
    profile: Path | None = None

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The database, with its tables."""
        database = Database(self.url)
        try:
            await ensure_schema(database, self.url)
            yield database
        finally:
            await database.dispose()

    @contextlib.contextmanager
    def rota(self, *, workers: int = 1, schedulers: int = 1) -> Iterator[Running]:
        """`rota up`, and more workers and schedulers beside it, each in a folder of its own."""
        with contextlib.ExitStack() as stack:
            main = stack.enter_context(rota_process.running(self._folder("up"), database_url=self.url))
            found = Running(main, profile=self.profile)
            others = [f"worker {n}" for n in range(1, workers)] + [f"scheduler {n}" for n in range(1, schedulers)]
            for other in others:
                program, number = other.split()
                process = stack.enter_context(
                    rota_process.started(
                        self._folder(other), program, database_url=self.url, worker_name=f"bench{number}"
                    )
                )
                found.more.append(psutil.Process(process.pid))
            yield found

    def _folder(self, name: str) -> Path:
        folder = self.folder / name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        return folder


@contextlib.contextmanager
def stage(kind: str, profile: Path | None = None) -> Iterator[Stage]:
    """A fresh database of this kind for the length of a `with` block: on disk, and durable as a user's is."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if kind == "sqlite":
            url = f"sqlite+aiosqlite:///{folder / 'rota.db'}"
        else:
            variable = _VARIABLES[kind]
            url = stack.enter_context(servers.running([variable], durable=True))[variable]
        yield Stage(kind, url, folder, profile)


def _is_server(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.name() in ("postgres", "mariadbd", "mysqld")
    return False


def _name(words: list[str]) -> str:
    if any(word.endswith("worker/runner/__main__.py") for word in words):
        return "runner"
    return words[-1] if "rota" in words else ""
