"""The worker's end of the line to its runner: starts one where none is, connects, and keeps the book.

The runner outlives this process on purpose: whoever comes next finds what runs, and the results that wait.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

import worker.runner
from common.clock import Clock
from common.process import backoff, pause
from common.queue.claims import Key
from worker.book import Book
from worker.runner.place import connect
from worker.runner.protocol import VERSION, Lines, Message, encode, keys

log = structlog.get_logger()

_PROGRAM = Path(worker.runner.__file__).parent / "__main__.py"
_READ = 1 << 18
#: Bytes of results in memory above which no more is read: the database is away, and the runner's disk has them.
_ENOUGH = 64 << 20
_LOG_SIZE = 1 << 20
_KEPT_BY = {"cgroup": "cgroups, for whole trees", "rlimit": "the process (no cgroup v2 is delegated to this worker)"}
#: How often, and in which seconds, we look whether a runner that hung up has gone.
_GOODBYES, _GOODBYE = 50, 0.02


class RunnerClient:
    """`folder` is the runner's directory, `name` marks its processes, `env` is what the runner itself may see, and
    `options` is how one is started."""

    def __init__(
        self, folder: Path, name: str, env: Mapping[str, str], book: Book, clock: Clock, options: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self._name = name
        self._env = env
        self._book = book
        self._clock = clock
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        #: The runner has said what it has: the book can be trusted.
        self.ready = False
        #: The runner's disk is full: nothing more may be claimed.
        self.full = False
        self.quitting = False
        #: The runner is of another version: it may end what it runs, and is given nothing that it might misread.
        self.outdated = False
        #: What the runner has said of itself: its process id, and how it keeps limits ("cgroup", "rlimit").
        self.pid: int | None = None
        self.limits = ""
        #: Since when it has been there, on CLOCK_BOOTTIME.
        self.since: float | None = None
        #: Executions that ran when the first hello of this process came.
        self.taken_over: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a runner and a connection to it until `stop`; the runner stays behind."""
        failures = 0
        while not stop.is_set():
            try:
                reader, writer = await asyncio.open_unix_connection(sock=connect(self._folder), limit=_READ)
            except OSError:
                if self.quitting:
                    break
                self._launch()
                failures += 1
                await pause(backoff(failures, base=0.02, cap=2.0), stop)
                continue
            failures = 0
            await self._converse(reader, writer, stop)
        await self._let_go()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop: asyncio.Event) -> None:
        self._writer, self.full = writer, False
        self._send({"op": "hello", "worker_pid": os.getpid(), "slots": self._book.slots})
        reading = asyncio.ensure_future(self._read(reader))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        except (OSError, ValueError) as error:
            log.warning("runner connection lost", error=type(error).__name__)
        finally:
            self.ready, self._writer = False, None
            reading.cancel()
            stopping.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Read until the runner hangs up."""
        lines = Lines()
        while data := await reader.read(_READ):
            for message in lines.feed(data):
                self._receive(message)
            while self._book.results_size > _ENOUGH:
                await pause(0.1)

    def _receive(self, message: Message) -> None:
        match message["op"]:
            case "finished":
                self._book.ended(message["results"])
            case "started":
                self._book.begun(message["jobs"], self._clock.monotonic())
            case "output":
                self._book.shown((message["id"], message["token"]), message["pieces"])
            case "returned":
                self._book.came_back(keys(message["jobs"]))
            case "full":
                self.full = message["full"]
                log.warning("runner's disk is full" if self.full else "runner's disk has room again")
            case "hello":
                self._on_hello(message)

    def _on_hello(self, message: Message) -> None:
        running, unacked = keys(message["running"]), keys(message["unacked"])
        log.info("runner connected", pid=message["pid"], running=len(running), unrecorded=len(unacked))
        self.outdated = message["version"] != VERSION
        if self.outdated:
            log.warning("runner is of another version; it ends what it runs", version=message["version"], own=VERSION)
        if (limits := message.get("limits", "")) and limits != self.limits:
            self.limits = limits
            log.info("limits of memory and processes", kept_by=_KEPT_BY[self.limits])
        self.pid, self.since = message["pid"], message.get("since")
        if self.taken_over is None:
            self.taken_over = len(running)
        self.ready = True
        self._book.hello(running, unacked, self._clock.monotonic())

    # --- orders ---

    def start(self, jobs: list[dict[str, Any]]) -> None:
        """Have these run; the runner must be `ready`."""
        self._send({"op": "start", "jobs": jobs})

    def renew(self, deadlines: Iterable[tuple[Key, float]]) -> None:
        """Tell new lease deadlines, on CLOCK_BOOTTIME."""
        self._send({"op": "deadline", "leases": [[*key, deadline] for key, deadline in deadlines]})

    def stop(self, which: Iterable[Key], reason: str) -> None:
        """Have these ended: `reason` is "cancelled", "lost" or "interrupted"."""
        jobs = [list(key) for key in which]
        if jobs:
            self._send({"op": "stop", "jobs": jobs, "reason": reason})

    def recall(self) -> None:
        """Have the runner give back what it has not started yet."""
        self._send({"op": "recall"})

    def acknowledge(self, which: Iterable[Key]) -> None:
        """The database has these: the runner may forget them."""
        self._send({"op": "ack", "jobs": [list(key) for key in which]})

    def replace(self) -> None:
        """Have a runner that has nothing left to do end; another one is started in its place."""
        self.ready = False
        self._send({"op": "quit"})

    def quit(self) -> None:
        """Have the runner end once nothing runs and everything is acknowledged; none is started any more."""
        self.quitting = True
        self._send({"op": "quit"})
        if self._writer is None and self._process is not None and self._process.poll() is None:
            self._process.terminate()  # it is coming up, and would wait for somebody for ever

    @property
    def connected(self) -> bool:
        """Whether there is a line to the runner."""
        return self._writer is not None

    def _send(self, message: Message) -> None:
        """Send, or drop when there is no line: after the next hello all is compared anew."""
        if self._writer is not None:
            self._writer.write(encode(message))

    # --- the process ---

    def _launch(self) -> None:
        """Start a runner unless the one we started is still coming up."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None:
            log.warning("runner ended", status=self._process.returncode)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arguments = [sys.executable, "-I", "-S", str(_PROGRAM), "--dir", str(self._folder), "--name", self._name]
        arguments += self._options
        with _log_file(self._folder / "runner.log") as out:
            # Its own file: were it our stderr, whoever reads that would wait for the runner long after we are gone.
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(self._env), start_new_session=True
            )
        log.info("runner started", pid=self._process.pid)

    async def _let_go(self) -> None:
        """Part from the runner: it stays on purpose, unless it was told to quit."""
        for _ in range(_GOODBYES if self.quitting else 1):
            if self._process is None or self._process.poll() is not None:
                return
            await pause(_GOODBYE)
        assert self._process is not None
        self._process.returncode = 0  # Popen shall not complain that it still runs


def _log_file(path: Path) -> Any:
    """The runner's log, opened for appending; what is too long becomes the one old file."""
    if path.exists() and path.stat().st_size > _LOG_SIZE:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
