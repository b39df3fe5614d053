"""What worker and runner say to each other: one JSON object a line, each with an "op"; server.py lists them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

VERSION = 4
LIVE_AFTER = 0.5  # seconds a task must run before its output is sent while it runs
MAX_LINE = 256 << 20  # bytes; a longer line is a broken peer. A result holds two streams of 64 MiB as base64

Key = tuple[int, int]  # (execution id, token)
Message = dict[str, Any]


@dataclass(slots=True)
class Spec:
    """One attempt to run. Times in seconds, sizes in bytes; `deadline` is on CLOCK_BOOTTIME. Without `cwd` it gets a
    private folder; `limits` are memory, cpu, processes, files and nice; `run_as` names a user.

    `masked` names the variables of `env` whose values are kept out of the output. Nothing of `env` is ever written
    to the disk or the log, nor of `stdin`: it is what the program reads from its standard input, nothing for None.
    `secrets` are further values that are kept out of the output. With `folder` it gets a folder for its report and
    files, which is kept until the result is acknowledged (folders.py).
    """

    id: int
    token: int
    argv: list[str]
    env: dict[str, str]
    cwd: str | None = None
    timeout: float | None = None
    grace: float = 10.0
    output_cap: int = 1 << 20
    on_deadline: str = "run_on"
    deadline: float | None = None
    drain: float = 2.0
    keep_background: bool = False
    limits: dict[str, int] = field(default_factory=dict)
    run_as: str | None = None
    masked: list[str] = field(default_factory=list)
    stdin: str | None = None
    input: str | None = None
    secrets: list[str] = field(default_factory=list)
    folder: bool = False

    @property
    def key(self) -> Key:
        """What names this attempt everywhere."""
        return (self.id, self.token)

    @classmethod
    def read(cls, raw: Message) -> "Spec":
        """Reads one job of a start message; ValueError says in English what is wrong with it."""
        known = {name: raw[name] for name in cls.__slots__ if raw.get(name) is not None}
        try:
            spec = cls(**known)
        except TypeError as error:
            raise ValueError(f"the start message is incomplete: {error}") from error
        if not isinstance(spec.argv, list) or not spec.argv or not all(isinstance(word, str) for word in spec.argv):
            raise ValueError("the command is empty or holds something that is not text")
        if not isinstance(spec.env, dict) or not all(isinstance(value, str) for value in spec.env.values()):
            raise ValueError("the environment holds something that is not text")
        if not all(isinstance(name, str) and name in spec.env for name in spec.masked):
            raise ValueError("a variable to be masked is not in the environment")
        if not all(isinstance(value, str) for value in (spec.stdin or "", spec.input or "", *spec.secrets)):
            raise ValueError("the input or a secret is not text")
        return spec


def encode(message: Message) -> bytes:
    """Returns the message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def keys(pairs: list[list[Any]]) -> list[Key]:
    """Reads [[id, token], ...]; entries with more behind are allowed."""
    return [(pair[0], pair[1]) for pair in pairs]


class Lines:
    """Cuts a byte stream into messages. Works for lines of any length up to MAX_LINE, unlike StreamReader.readline."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Takes what came in; yields each complete message. ValueError for what is not JSON or too long."""
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._parts.append(line)
            text = b"".join(self._parts)
            self._parts, self._size = [], 0
            if text:
                yield json.loads(text)
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size > MAX_LINE:
                raise ValueError(f"a line is longer than {MAX_LINE} bytes")
