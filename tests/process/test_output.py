"""Output through a whole Rota: followed, resumed, downloaded, and what readers who do not read can do to it."""

import hashlib
import json
import shlex
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from api.live import MOST_STREAMS
from tests.support.eventually import eventually_sync
from tests.support.executes import executes
from tests.support.rota_process import Rota, running
from tests.worker.runner.client import py
from worker.runner import procfs

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
#: Of each stream; live output is its first half.
LIMIT = 8 << 20
LINES = 100_000


@pytest.fixture(scope="module")
def rota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rota]:
    with running(tmp_path_factory.mktemp("output"), output_limit=str(LIMIT)) as process:
        yield process


@pytest.fixture(scope="module")
def client(rota: Rota) -> Iterator[httpx.Client]:
    with rota.client() as made:
        yield made


def begin(client: httpx.Client, command: str) -> tuple[int, int]:
    """A task that runs; gives its id and that of its execution."""
    task: int = client.post("/tasks", json={"name": "speaks", "command": command}).raise_for_status().json()["id"]
    execution: int = client.post(f"/tasks/{task}/run").raise_for_status().json()["id"]

    def runs() -> None:
        assert client.get(f"/executions/{execution}").json()["status"] == "running"

    eventually_sync(runs)
    return task, execution


def until(client: httpx.Client, execution: int, status: str) -> Any:
    def ended() -> Any:
        found = client.get(f"/executions/{execution}").json()
        assert found["status"] == status, found["status"]
        return found

    return eventually_sync(ended, interval=0.1)


Event = dict[str, str]


def events(answer: httpx.Response) -> Iterator[Event]:
    """What an EventSource would tell."""
    event: Event = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            yield event
            event = {}


class Reader:
    """Somebody who follows, leaves after some events, and comes back with the id of the last one."""

    def __init__(self, client: httpx.Client, execution: int) -> None:
        self.client, self.path = client, f"/executions/{execution}/output/stream"
        self.lines: list[tuple[str, int, str]] = []
        self.end: Any = None
        self.last = ""

    def read(self, enough: Callable[[], bool] = lambda: False) -> None:
        with self.client.stream("GET", self.path, headers={"Last-Event-ID": self.last}) as answer:
            assert answer.status_code == 200
            for event in events(answer):
                self.last = event.get("id", self.last)
                if event.get("event") == "lines":
                    found = json.loads(event["data"])["lines"]
                    self.lines += [(line["stream"], line["number"], line["text"]) for line in found]
                if event.get("event") == "end":
                    self.end = json.loads(event["data"])
                if self.end or enough():
                    return


def stall(rota: Rota, client: httpx.Client, execution: int) -> socket.socket:
    """A connection that asks for the stream, and reads no more than that it has begun."""
    address = urlsplit(rota.url)
    made = socket.create_connection((address.hostname, address.port), timeout=60)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = f"GET /executions/{execution}/output/stream HTTP/1.1\r\nHost: {address.netloc}\r\n"
    made.sendall(f"{head}Authorization: {client.headers['Authorization']}\r\n\r\n".encode())
    assert made.recv(12) == b"HTTP/1.1 200"
    return made


def vanish(connection: socket.socket) -> None:
    """Gone without a word, as a laptop that is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_readers_who_stall_or_vanish_harm_nobody(rota: Rota, client: httpx.Client, tmp_path: Path) -> None:
    gate, door = tmp_path / "gate", tmp_path / "door"
    wait = "while test ! -e {}; do sleep 0.05; done"
    script = f"echo begun; {wait.format(gate)}; seq {LINES}; echo oops >&2; {wait.format(door)}; echo ended"
    _, execution = begin(client, script)
    api = rota.child("api")
    before, tied = procfs.peak_memory(api.pid), established(api)
    assert before is not None
    with ExitStack() as stack:
        stalled = [stack.enter_context(stall(rota, client, execution)) for _ in range(MOST_STREAMS // 2)]
        gone = [stall(rota, client, execution) for _ in range(MOST_STREAMS - len(stalled))]
        assert client.get(f"/executions/{execution}/output/stream").status_code == 429
        for connection in gone:
            vanish(connection)
        reader = Reader(client, execution)
        eventually_sync(lambda: admitted(client, reader))
        reader.read(lambda: bool(reader.lines))
        gate.touch()
        reader.read(lambda: len(reader.lines) > LINES / 3)  # breaks off, and comes again
        reader.read(lambda: len(reader.lines) > LINES + 1)
        door.touch()
        until(client, execution, "success")  # the worker waits for no reader
        reader.read()
        assert client.get("/health").json()["status"] == "ok"
        after = procfs.peak_memory(api.pid)
        assert after is not None
        assert after - before < 64 << 20
    assert reader.end == {"attempt": 1, "status": "success"}
    said = ["begun", *map(str, range(1, LINES + 1)), "ended"]
    assert [line for line in reader.lines if line[0] == "stdout"] == [
        ("stdout", number, text) for number, text in enumerate(said, 1)
    ]
    assert [line for line in reader.lines if line[0] == "stderr"] == [("stderr", 1, "oops")]
    eventually_sync(lambda: no_more_than(tied + 1, established(api)))
    late = Reader(client, execution)
    late.read()  # comes when all is over
    assert (sorted(late.lines), late.end) == (sorted(reader.lines), reader.end)


def admitted(client: httpx.Client, reader: Reader) -> None:
    with client.stream("GET", reader.path) as answer:
        assert answer.status_code == 200


def established(process: psutil.Process) -> int:
    """Connections of a server that somebody has the other end of."""
    return sum(each.status == psutil.CONN_ESTABLISHED for each in process.net_connections(kind="tcp"))


def no_more_than(most: int, found: int) -> None:
    assert found <= most


#: Blocks of 64 KiB that no text can hold: every byte there is, NUL and what is no UTF-8 among them, no two the same.
LOUD = """
import sys
for number in range({blocks}):
    sys.stdout.buffer.write(number.to_bytes(4, "big") * 64 + bytes(range(256)) * 255)
"""


@pytest.mark.parametrize("blocks", [100, 1600], ids=["6 MB", "100 MB"])
def test_bytes_come_back_as_they_were(client: httpx.Client, blocks: int) -> None:
    """Beyond the limit a line that says so stands for the middle. What it costs: tests/worker/test_memory.py."""
    task, execution = begin(client, shlex.join(py(LOUD.format(blocks=blocks))))
    row = until(client, execution, "success")
    data = b"".join(number.to_bytes(4, "big") * 64 + bytes(range(256)) * 255 for number in range(blocks))
    assert row["stdout_bytes"] == len(data) == blocks << 16
    if len(data) > LIMIT:
        gap = f"\n… {len(data) - LIMIT:,} bytes left out …\n".encode()
        data = data[: LIMIT // 2] + gap + data[-LIMIT // 2 :]
    for path in (f"/executions/{execution}/output/download", f"/tasks/{task}/logs/download"):
        answer = client.get(path, params={"stream": "stdout"})
        assert hashlib.sha256(answer.content).hexdigest() == hashlib.sha256(data).hexdigest()
        assert len(client.get(path).content) == len(data)


def test_a_stop_is_answered_with_the_proof_of_the_end(client: httpx.Client) -> None:
    task, execution = begin(client, "setsid sleep 4611 & sleep 4612 & echo up; wait")
    reader = Reader(client, execution)
    reader.read(lambda: bool(reader.lines))
    eventually_sync(lambda: executes("sleep", "4611"))
    eventually_sync(lambda: executes("sleep", "4612"))
    answer = client.post(f"/tasks/{task}/stop", params={"wait": 60}, timeout=90)
    (ended,) = answer.json()["executions"]
    assert (answer.status_code, ended["status"], ended["proof"]["left"]) == (200, "cancelled", 0)
    assert ended["proof"]["signals"] == [{"signal": "SIGTERM", "processes": 3}]
    tree = ended["proof"]["tree"]
    assert {"sleep 4611", "sleep 4612"} <= {process["command"] for process in tree}
    assert not [process for process in tree if psutil.pid_exists(process["pid"])]
    reader.read()
    assert reader.end == {"attempt": 1, "status": "cancelled"}
