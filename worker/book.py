"""What this worker has in hand: what it took, what runs, what ended and is not recorded yet. In memory, no waiting.

Kept from three sides: the claim loop takes, the runner's messages start and end, the record loop puts away. All of it
can be lost at any moment: the database says what is ours, the runner says what runs and what ended.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from common.queue.claims import Claim, Key
from worker.pace import Pace
from worker.runner.protocol import Message, keys


@dataclass(frozen=True, slots=True)
class Wakes:
    """The events that wake the loops before their time."""

    claim: asyncio.Event = field(default_factory=asyncio.Event)
    start: asyncio.Event = field(default_factory=asyncio.Event)
    heartbeat: asyncio.Event = field(default_factory=asyncio.Event)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    record: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of live output: position, stream ("o", "e"), seconds since the start, bytes as base64."""

    seq: int
    stream: str
    at: float
    data: str


class Book:
    """`now` of its methods is seconds on the clock's `monotonic`."""

    def __init__(self, slots: int, wakes: Wakes) -> None:
        self.slots = slots
        self._wakes = wakes
        #: In the runner or about to be: key -> where its lease begins.
        self.active: dict[Key, float] = {}
        #: Taken, and not given to the runner because the line to it broke; part of `active`.
        self.unsent: dict[Key, Claim] = {}
        #: Given to the runner, which gave it back unstarted; part of `active`.
        self.returned: set[Key] = set()
        #: How many results have come.
        self.count = 0
        #: What is known of those that are active or wait to be recorded; not of those taken over.
        self.claims: dict[Key, Claim] = {}
        #: Ended, not recorded; oldest first.
        self.results: dict[Key, Message] = {}
        self.results_size = 0
        #: Ended, the runner will send them.
        self.expected: set[Key] = set()
        #: Process ids to be noted: key -> (pid, since when we know).
        self.started: dict[Key, tuple[int, float]] = {}
        self.pieces: dict[Key, list[Piece]] = {}
        #: Where those that run put their report and files, if they have a place for that.
        self.folders: dict[Key, str] = {}
        #: Told to stop already.
        self.stopped: set[Key] = set()
        self.draining = False
        #: Somebody asked this worker to take nothing more; what it has goes on.
        self.held_back = False
        self.pace = Pace(slots)
        #: There may be more to claim than was taken: a slot that falls free is a reason to ask.
        self.hungry = True
        #: Held while rows become ours, so that nobody takes them for forgotten ones before they are in this book.
        self.claiming = asyncio.Lock()

    @property
    def free(self) -> int:
        """How many more may be taken."""
        return 0 if self.draining or self.held_back else self.slots - len(self.active)

    def hold_back(self, asked: bool) -> None:
        """Take nothing more, or go on taking."""
        released, self.held_back = self.held_back and not asked, asked
        if released:
            self._wakes.claim.set()

    @property
    def queued(self) -> bool:
        """Whether the runner has more than there are slots."""
        return len(self.running()) > self.slots

    def room(self, now: float) -> int:
        """How many to claim now: none while enough is in stock."""
        ahead = 0 if self.draining or self.held_back else self.pace.ahead(now)
        free = self.free + ahead
        return free if not self.queued or free * 2 >= self.slots + ahead else 0

    @property
    def idle(self) -> bool:
        """Whether nothing runs and everything is recorded."""
        return not (self.active or self.results or self.expected)

    def all(self) -> set[Key]:
        """Everything that is in hand in any way."""
        return {*self.active, *self.results, *self.expected}

    def running(self) -> set[Key]:
        """What the runner has."""
        return self.active.keys() - self.unsent.keys() - self.returned

    # --- the claim loop ---

    def take(self, claims: Iterable[Claim], leased: float) -> None:
        """Note what has been claimed, with a lease counted from `leased`."""
        for claim in claims:
            self.claims[claim.key] = self.unsent[claim.key] = claim
            self.active[claim.key] = leased
        self._wakes.start.set()

    def sent(self, claims: Iterable[Claim]) -> None:
        """The runner has been given these."""
        for claim in claims:
            self.unsent.pop(claim.key, None)

    def drop(self, gone: Iterable[Key]) -> None:
        """Forget what is not ours any more and never was started."""
        for key in gone:
            self.unsent.pop(key, None)
            self.returned.discard(key)
            self.active.pop(key, None)
            self.claims.pop(key, None)

    def renewed(self, held: Iterable[Key], leased: float) -> list[Key]:
        """Note renewed leases; returns those of them that are active."""
        found = [key for key in held if key in self.active]
        self.active.update(dict.fromkeys(found, leased))
        return found

    # --- the runner ---

    def hello(self, running: Iterable[Key], unacked: Iterable[Key], now: float) -> None:
        """Take what the runner says it has for the truth."""
        before = self.active
        self.returned -= set(running)
        here = {key: before[key] for key in (*self.unsent, *self.returned)}
        self.active = {key: before.get(key, now) for key in running} | here
        self.expected = set(unacked) - self.results.keys()
        self.stopped.clear()
        self.folders = {key: folder for key, folder in self.folders.items() if key in self.active}
        self.hungry = True
        self._wakes.heartbeat.set()
        self._wakes.claim.set()
        self._wakes.start.set()

    def came_back(self, jobs: Iterable[Key]) -> None:
        """The runner has not started these, and will not."""
        self.returned.update(key for key in jobs if key in self.active)
        self._wakes.start.set()

    def begun(self, jobs: list[list[Any]], now: float) -> None:
        """Processes were started: [id, token, pid, when, folder?]."""
        for execution, token, pid, _, *folder in jobs:
            if (execution, token) in self.active:
                self.started[execution, token] = (pid, now)
                if folder:
                    self.folders[execution, token] = folder[0]

    def shown(self, key: Key, pieces: list[list[object]]) -> None:
        """Live output came: [seq, stream, offset, seconds, base64]."""
        if key in self.active:
            made = [Piece(seq, stream, at, data) for seq, stream, _, at, data in pieces]  # type: ignore[arg-type]
            self.pieces.setdefault(key, []).extend(made)

    def ended(self, results: list[Message]) -> None:
        """Results came. They say all that the live output said."""
        for key, result in zip(keys([[item["id"], item["token"]] for item in results]), results, strict=True):
            if key not in self.results:
                self.results_size += size_of(result)
            self.results[key] = result
            self.active.pop(key, None)
            self.expected.discard(key)
            self.started.pop(key, None)
            self.pieces.pop(key, None)
            self.folders.pop(key, None)
            self.stopped.discard(key)
            self.returned.discard(key)
        self.count += len(results)
        self.pace.ended(result.get("duration") for result in results)
        self._wakes.record.set()
        if self.hungry:
            self._wakes.claim.set()

    # --- the record loop ---

    def oldest(self, count: int, size: int, ready: Callable[[Message], bool] = lambda _: True) -> list[Message]:
        """Up to `count` results that wait to be recorded and are `ready` for that, with not much more than `size` bytes
        of output."""
        found: list[Message] = []
        for result in self.results.values():
            if len(found) == count or size < 0:
                break
            if ready(result):
                found.append(result)
                size -= size_of(result)
        return found

    def put_away(self, recorded: Iterable[Key]) -> None:
        """Forget what is in the database."""
        for key in recorded:
            result = self.results.pop(key, None)
            self.results_size -= size_of(result) if result else 0
            self.claims.pop(key, None)


def size_of(result: Message) -> int:
    """About how many bytes a result takes."""
    return 500 + len(result["stdout"]) + len(result["stderr"])
