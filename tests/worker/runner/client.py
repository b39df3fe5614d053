"""A runner in a process of its own, and a client that speaks with it as a worker would."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually
from tests.support.executes import executes
from worker.runner import procfs
from worker.runner.place import connect
from worker.runner.protocol import Key, Lines, Message, encode

MAIN = Path(procfs.__file__).with_name("__main__.py")
PYTHON = os.environ.get("ROTA_TEST_RUNNER_PYTHON", sys.executable)
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_names = count(1)


_DAEMON = """
import os, sys, time
def daemon(generations):
    os.setsid()
    if generations > 0 and os.fork() > 0: os._exit(0)
    if generations > 0: return daemon(generations - 1)
    os.close(1); os.close(2)
    open({path!r}, "w").write(str(os.getpid()))
    if {clean}: os.execve("/bin/sleep", ["sleep", "600"], {{}})
    time.sleep(600)
if os.fork() == 0: daemon(3)
while not os.path.exists({path!r}) or not os.path.getsize({path!r}): time.sleep(0.01)
print("up", flush=True)
if {stays}: time.sleep(600)
"""


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def py(script: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", script]


def daemon(path: Path, *, clean: bool, stays: bool = False) -> list[str]:
    """A task that leaves a daemon of the third generation: in sessions of its own, without pipes; a `clean` one without
    any of our environment too. Its pid is written to `path`; the task says "up" and ends, unless it `stays`."""
    return py(_DAEMON.format(path=str(path), clean=clean, stays=stays))


def stdout(result: Message) -> bytes:
    return base64.b64decode(result["stdout"])


def stderr(result: Message) -> bytes:
    return base64.b64decode(result["stderr"])


class Client:
    """One connection. Everything that comes in is kept; nothing is acknowledged by itself."""

    def __init__(self, directory: Path) -> None:
        self.hello: Message = {}
        self.running: set[Key] = set()
        self.started: dict[Key, tuple[int, float]] = {}
        self.folders: dict[Key, str] = {}
        self.results: dict[Key, Message] = {}
        self.order: list[Key] = []
        self.outputs: list[Message] = []
        self.full: list[bool] = []
        self.returned: list[Key] = []
        self.closed = False
        self._directory = directory

    async def open(self, *, silent: bool = False) -> "Client":
        """Connects and says hello; a silent client never reads what comes back."""
        self._socket = connect(self._directory)
        self._loop = asyncio.get_running_loop()
        await self.say({"op": "hello", "worker_pid": os.getpid()})
        self._reading = None if silent else self._loop.create_task(self._read())
        if not silent:
            await eventually(lambda: self._has(bool(self.hello)))
        return self

    async def say(self, message: Message) -> None:
        await self._loop.sock_sendall(self._socket, encode(message))

    async def start(self, *jobs: Message) -> None:
        filled = [{"token": 1, "env": ENV, "grace": 5.0} | job for job in jobs]
        await self.say({"op": "start", "jobs": filled})

    async def run(self, argv: list[str], **options: Any) -> Message:
        """Starts one task and returns its result."""
        await self.start({"id": 1, "argv": argv} | options)
        return await self.result(options.get("id", 1), options.get("token", 1))

    async def result(self, execution: int, token: int = 1) -> Message:
        await eventually(lambda: self._has((execution, token) in self.results))
        return self.results[execution, token]

    async def begun(self, execution: int, token: int = 1) -> int:
        """Waits until the task was started; returns its pid."""
        await eventually(lambda: self._has((execution, token) in self.started))
        return self.started[execution, token][0]

    async def shown(self, execution: int, text: bytes) -> None:
        """Waits until the task's live output holds this text."""
        await eventually(lambda: self._has(text in self.seen(execution)))

    def seen(self, execution: int, stream: str = "o") -> bytes:
        pieces = [piece for output in self.outputs if output["id"] == execution for piece in output["pieces"]]
        return b"".join(base64.b64decode(piece[4]) for piece in pieces if piece[1] == stream)

    async def stop(self, execution: int, token: int = 1, reason: str = "cancelled") -> None:
        await self.say({"op": "stop", "jobs": [[execution, token]], "reason": reason})

    async def may_run(self, slots: int) -> None:
        """Says hello again: no more than so many shall run at a time."""
        await self.say({"op": "hello", "worker_pid": os.getpid(), "slots": slots})

    async def ack(self, *keys: Key) -> None:
        await self.say({"op": "ack", "jobs": [list(key) for key in keys]})

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        self._socket.close()

    def _has(self, true: bool) -> None:
        assert true

    async def _read(self) -> None:
        lines = Lines()
        with suppress(OSError):
            while data := await self._loop.sock_recv(self._socket, 1 << 20):
                for message in lines.feed(data):
                    self._take(message)
        self.closed = True

    def _take(self, message: Message) -> None:
        match message["op"]:
            case "hello":
                self.hello = message
                self.running = {(task, token) for task, token in message["running"]}
            case "started":
                self.started |= {(task, token): (pid, at) for task, token, pid, at, *_ in message["jobs"]}
                self.folders |= {(job[0], job[1]): job[4] for job in message["jobs"] if len(job) > 4}
            case "output":
                self.outputs.append(message)
            case "finished":
                for result in message["results"]:
                    self.order.append((result["id"], result["token"]))
                    self.results[result["id"], result["token"]] = result
            case "full":
                self.full.append(message["full"])
            case "returned":
                self.returned += [(task, token) for task, token in message["jobs"]]


class RunnerProcess:
    """A runner that is started, killed and started again, in one directory."""

    def __init__(
        self,
        directory: Path,
        *,
        idle: float = 60.0,
        cgroup: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self._env = os.environ | (env or {})
        self.name = f"test-{os.getpid()}-{next(_names)}"
        self._command = [PYTHON, "-I", "-S", str(MAIN), "--dir", str(directory), "--name", self.name]
        self._command += ["--idle", str(idle), "--cgroup", str(cgroup or "off")]
        self._clients: list[Client] = []

    async def launch(self) -> None:
        self._spawn()
        await eventually(self._answers)

    async def client(self, *, silent: bool = False) -> Client:
        self._clients.append(Client(self.directory))
        return await self._clients[-1].open(silent=silent)

    async def kill(self) -> None:
        self.process.kill()
        await self.gone()

    async def gone(self) -> int:
        """Waits until the process is gone; returns its exit status."""

        def ended() -> int:
            code = self.process.poll()
            assert code is not None
            return code

        return await eventually(ended)

    def marked(self) -> dict[int, Key]:
        """The processes that carry this runner's cookie."""
        return {pid: key for pid in procfs.scan() if (key := procfs.cookie(pid, self.name))}

    def memory(self) -> int:
        """The most bytes the runner has held so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    async def close(self) -> None:
        """Ends the runner as SIGTERM does, and makes sure that it leaves nothing behind."""
        for client in self._clients:
            await client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        await self.gone()

        def nothing_left() -> None:
            assert self.marked() == {}

        await eventually(nothing_left)

    def _spawn(self) -> None:
        with open(self.directory.with_suffix(".log"), "ab") as log:
            # A descriptor too many, which no task may see.
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env, pass_fds=[log.fileno()]
            )

    def _answers(self) -> None:
        try:
            connect(self.directory).close()
        except OSError as error:
            raise AssertionError("the runner does not listen yet") from error


def all_sleep(runner: RunnerProcess, *seconds: str) -> None:
    """Each of these sleeps is one by now."""
    among = runner.marked()
    for each in seconds:
        executes("sleep", each, among=among)
