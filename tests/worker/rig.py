"""A worker in this process or in one of its own, and the little a test asks of the database."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from common.clock import Clock
from common.config import Settings
from common.db.models import Task
from common.db.session import Database
from common.db.types import Record
from common.domain.states import FINAL, Status
from common.queries import executions as queries
from common.security.encryption import Keyring
from common.services import data_sources, executions, tasks
from common.services.data_sources import DataSourceInput
from common.services.inputs import TaskInput
from tests.support import nursery
from tests.support.eventually import eventually
from tests.support.nursery import Born
from tests.support.shop import Shop
from worker.main import main
from worker.runner.place import connect
from worker.runner.protocol import Lines, encode

#: Settings with which a shop may lie in a file.
FILES: Mapping[str, Any] = {"sqlite_folders": ["/"]}


class Rig:
    """One database, one data folder, and whatever workers a test starts over them."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        self.database = database
        self.url = url
        self.folder = folder
        self.clock = Clock()
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.process: Born | None = None
        self.scheduler: Born | None = None

    def settings(self, **values: Any) -> Settings:
        """Settings with quick heartbeats, and `values`."""
        given = {"heartbeat": 0.3, "lease": 20, "drain_timeout": 5, "worker_name": "tester"} | values
        return Settings(data_dir=self.folder, database_url=self.url, **given)  # type: ignore[arg-type]

    # --- workers ---

    def start(self, **values: Any) -> None:
        """Start a worker within this process."""
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(main(self.settings(**values), self.stop))

    async def finish(self) -> None:
        """Have the worker stop, and wait until it has."""
        self.stop.set()
        if self.task is not None:
            task, self.task = self.task, None
            await task

    def spawn(self, *arguments: str, **values: Any) -> psutil.Process:
        """Start a worker as a process of its own."""
        self.process = self._born("worker", *arguments, **values)
        return psutil.Process(self.process.pid)

    def schedule(self, **values: Any) -> None:
        """Start a scheduler as a process of its own."""
        self.scheduler = self._born("scheduler", **values)

    def _born(self, *arguments: str, **values: Any) -> Born:
        settings = self.settings(**values)
        env = {name: value for name, value in os.environ.items() if not name.startswith("ROTA_")}
        names = ("heartbeat", "lease", "drain_timeout", "worker_name", "slots")
        env |= {f"ROTA_{name.upper()}": str(getattr(settings, name)) for name in names}
        env |= {"ROTA_DATABASE_URL": self.url, "ROTA_DATA_DIR": str(self.folder)}
        return nursery.start("rota", arguments, environment=env, log=self.folder / f"{arguments[0]}.log")

    def kill(self) -> None:
        """Kill the process of its own without a warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def wait_process(self) -> int:
        """Wait for the process of its own; returns its status."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 90)

    async def close(self) -> None:
        """End every worker and runner a test left."""
        if self.scheduler is not None:
            self.scheduler.kill()
            self.scheduler.wait()
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if self.task is not None and not self.task.done():
            with contextlib.suppress(Exception):
                await self.finish()
        await asyncio.to_thread(self._end_runner)

    def _end_runner(self) -> None:
        try:
            line = connect(self.folder / "workers" / "tester" / "runner")
        except OSError:
            return
        with line, contextlib.suppress(OSError):
            line.setblocking(True)
            line.settimeout(20)
            line.sendall(encode({"op": "hello", "worker_pid": os.getpid()}) + encode({"op": "quit"}))
            # It waits a while for somebody to take what it has: nobody will.
            lines = Lines()
            while data := line.recv(1 << 16):
                for message in lines.feed(data):
                    if taken := [[each["id"], each["token"]] for each in message.get("results", ())]:
                        line.sendall(encode({"op": "ack", "jobs": taken}))

    # --- tasks and executions ---

    async def create(self, command: str, **values: Any) -> int:
        """Store a task; returns its id."""
        async with self.database.write() as session:
            now = await self.clock.now(session)
            data = TaskInput.model_validate({"name": "a task", "command": command} | values)
            task: Task = await tasks.create(session, data, owner_id=None, now=now)
            assert task.id is not None
            return task.id

    async def source(self, shop: Shop, **values: Any) -> int:
        """Store a data source that leads to a shop; returns its id. The worker must be started with `**FILES`."""
        keyring = Keyring(self.settings())
        keyring.ensure()
        async with self.database.write() as session:
            data = DataSourceInput.model_validate(shop.values(scope="everyone", **values))
            now = await self.clock.now(session)
            return int((await data_sources.create(session, data, keyring=keyring, now=now)).id)

    async def run(self, task_id: int, times: int = 1) -> list[int]:
        """Queue a task so many times; returns the ids of the executions."""
        async with self.database.write() as session:
            now = await self.clock.now(session)
            return [await tasks.run_now(session, task_id, by="tester", now=now) for _ in range(times)]

    async def run_command(self, command: str, **values: Any) -> int:
        """Store a task and queue it once; returns the execution's id."""
        return (await self.run(await self.create(command, **values)))[0]

    async def request_stop(self, execution_id: int) -> None:
        """What the button Stop does."""
        async with self.database.write() as session:
            await executions.stop(session, execution_id, by="tester", now=await self.clock.now(session))

    async def get(self, execution_id: int) -> Record:
        """The execution without its output."""
        async with self.database.read() as session:
            return await executions.get(session, execution_id)

    async def text(self, execution_id: int) -> tuple[str, str]:
        """Stdout and stderr."""
        async with self.database.read() as session:
            return await executions.text_of(session, await executions.get(session, execution_id))

    async def bytes(self, execution_id: int, stream: str) -> bytes:
        """One stream as it came."""
        async with self.database.read() as session:
            return await executions.bytes_of(session, await executions.get(session, execution_id), stream)

    async def attempts(self, execution_id: int) -> Sequence[Record]:
        """Every attempt that has ended, with output."""
        async with self.database.read() as session:
            return await queries.attempts(session, execution_id, with_output=True)

    async def until(self, execution_id: int, *wanted: Status, timeout: float = 60) -> Record:
        """Wait until the execution is in one of these states (by default: any final one)."""
        states = wanted or tuple(FINAL)

        async def check() -> Record:
            if self.task is not None and self.task.done():
                self.task.result()
            row = await self.get(execution_id)
            assert row.status in states, f"{row.status} {row.error}"
            return row

        return await eventually(check, timeout=timeout)


def interrupt(process: psutil.Process) -> None:
    """SIGTERM."""
    process.send_signal(signal.SIGTERM)
