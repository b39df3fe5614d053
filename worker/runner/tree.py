"""Which process belongs to which task, and how a whole tree is ended.

Every process a task starts is a descendant of the runner and stays one: what loses its parent is adopted by the runner
(PR_SET_CHILD_SUBREAPER), whatever session it hides in. So only the runner's own children must be told apart: a leader
was started here; an adopted one carries the cookie in its environment, the mark it was born with, or sits in its
leader's session; and one that hides all of them must belong to a task that ran when it was adopted.

Once the runner is killed its children are init's, and cookie, mark and session are what its successor goes by.
"""

import asyncio
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from worker.runner import birthmark, procfs
from worker.runner.procfs import Proc
from worker.runner.protocol import Key

PAUSE = 0.05  # seconds between two looks at a tree that is being ended
SCAN_SHARE = 5  # a scan is shared for so many times what it cost, so that ending many trees does not eat a core
COMMAND_LENGTH = 200  # characters of a command line that a proof shows
SHOWN = 100  # processes that a proof names; a fork bomb has thousands
KILL_PATIENCE = 30.0  # seconds; a process that outlives SIGKILL this long hangs in the kernel and runs no more code

Trees = dict[Key, list[Proc]]
Proof = dict[str, Any]


class Census:
    """Shares one look at /proc among all trees that are being ended."""

    def __init__(self, count: Callable[[], Trees]) -> None:
        self._count = count
        self._trees: Trees = {}
        self._taken = self._until = -1.0

    def of(self, key: Key, since: float) -> list[Proc]:
        """Returns the living processes of a tree, as seen after the monotonic instant `since`."""
        begun = time.monotonic()
        if self._taken < since or self._until < begun:
            self._trees = self._count()
            done = time.monotonic()
            self._taken, self._until = begun, done + max(PAUSE / 2, SCAN_SHARE * (done - begun))
        return self._trees.get(key, [])

    def all(self) -> list[Key]:
        """Returns the tasks of which something lives."""
        return list(self._count())


class Family:
    """The children of this runner: leaders, and adopted ones with the tasks they may belong to."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._leaders: dict[int, Key] = {}  # pid -> task, until reaped
        self._sessions: dict[Key, int] = {}  # running task -> its leader's pid, which is also its session
        self._marks: dict[int, Key] = {}  # what those of a running task are born with -> the task
        self._adopted: dict[int, set[Key]] = {}
        self._kept: set[Key] = set()
        self.census = Census(self._count)

    def born(self, key: Key, pid: int, *, keep_background: bool) -> None:
        """Notes a leader just started."""
        self._leaders[pid] = key
        self._sessions[key] = pid
        self._marks[birthmark.of(self._name, key)] = key
        if keep_background:
            self._kept.add(key)

    def reaped(self, pid: int) -> tuple[Key | None, Iterable[Key]]:
        """Takes a pid just reaped; returns the task it led, if any, and the tasks that may want to look again."""
        return self._leaders.pop(pid, None), self._adopted.pop(pid, ())

    def adopt(self) -> None:
        """Finds out about adopted children. To be called while the task that just ended is still known."""
        for pid in procfs.children() - self._leaders.keys() - self._adopted.keys():
            self._adopted[pid] = self._owners(pid)

    def left_behind(self, key: Key) -> bool:
        """Whether an adopted process belongs to this task, and surely to no other."""
        return any(owners == {key} for owners in self._adopted.values())

    def forget(self, key: Key) -> None:
        """Takes out a task that is over. What it kept in the background is nobody's from now on."""
        self._sessions.pop(key, None)
        self._marks.pop(birthmark.of(self._name, key), None)
        kept = key in self._kept
        self._kept.discard(key)
        for owners in self._adopted.values():
            if kept and key in owners:
                owners.clear()
            owners.discard(key)

    def _owners(self, pid: int) -> set[Key]:
        if key := procfs.cookie(pid, self._name):
            return {key} if key in self._sessions else set()
        if (mark := birthmark.read(pid)) in self._marks:
            return {self._marks[mark]}
        proc = procfs.look(pid)
        if proc is None:
            return set()
        same = {key for key, session in self._sessions.items() if session == proc.session}
        return same or set(self._sessions)

    def _count(self) -> Trees:
        below: dict[int, list[Proc]] = defaultdict(list)
        for proc in procfs.scan().values():
            below[proc.ppid].append(proc)
        self.adopt()
        trees: Trees = {}
        for root in below[os.getpid()]:
            owners = {self._leaders[root.pid]} if root.pid in self._leaders else self._adopted.get(root.pid, set())
            if len(owners) == 1:
                (key,) = owners
                trees.setdefault(key, []).extend(_with_descendants(root, below))
        return trees


def leftovers(name: str, begun: Iterable[Key]) -> Trees:
    """Returns what a killed runner of this name left running: those with its cookie or, of the tasks it had `begun`,
    with the mark they were born with; their sessions; and the descendants of all of these."""
    born = {birthmark.of(name, key): key for key in begun}
    found = procfs.scan()
    below: dict[int, list[Proc]] = defaultdict(list)
    for proc in found.values():
        below[proc.ppid].append(proc)
    marked = {pid: key for pid in found if (key := procfs.cookie(pid, name) or _born(pid, born))}
    sessions = {found[pid].session: key for pid, key in marked.items()}
    trees: dict[Key, dict[int, Proc]] = defaultdict(dict)
    for proc in found.values():
        if key := marked.get(proc.pid) or sessions.get(proc.session):
            trees[key].update((one.pid, one) for one in _with_descendants(proc, below))
    return {key: list(procs.values()) for key, procs in trees.items()}


def _born(pid: int, born: dict[int, Key]) -> Key | None:
    mark = birthmark.read(pid) if born else None
    return None if mark is None else born.get(mark)


async def end_tree(
    find: Callable[[float], list[Proc]],
    leader: Callable[[], int | None],
    *,
    asked: float,
    grace: float,
    woken: asyncio.Event,
    kill: Callable[[], None] | None = None,
) -> Proof | None:
    """Ends a tree: SIGTERM, `grace` seconds, then SIGKILL to each until none is left.

    Returns the proof: `tree` (pid, ppid and command of what was there, `more` beyond those), `signals` (each with the
    processes it was sent to) and `left`, what the last look found. None when nothing was there.

    `find` gives the living members seen after a monotonic instant; `leader` the leader's pid while it is not reaped
    (only then its group's number is surely its own); `asked` is the monotonic instant from which the grace counts;
    `woken` is set when it is worth looking again; `kill` kills all of its cgroup, where it has one.
    """
    alive = find(asked)
    if not alive:
        return None
    seen: dict[tuple[int, int], dict[str, Any] | None] = {}
    _note(seen, alive)
    sent: Counter[str] = Counter()
    # Once only: what a SIGTERM handler starts in order to clean up has the grace for it.
    sent["SIGTERM"] = _signal(alive, signal.SIGTERM, leader())
    _signal(alive, signal.SIGCONT, leader())  # a stopped process takes the SIGTERM only when it goes on
    killing_from = asked + grace
    while alive and time.monotonic() < killing_from + KILL_PATIENCE:
        signalled = time.monotonic()
        if signalled >= killing_from:
            _note(seen, alive)
            if kill is not None:
                kill()
            sent["SIGKILL"] += _signal(alive, signal.SIGKILL, leader())
        await nap(woken, min(PAUSE, max(killing_from - signalled, 0.001)) if signalled < killing_from else PAUSE)
        alive = find(signalled)
    tree = [described for described in seen.values() if described is not None]
    signals = [{"signal": name, "processes": count} for name, count in sent.items()]
    return {"tree": tree, "more": len(seen) - len(tree), "signals": signals, "left": len(alive)}


def shorten(proof: Proof | None, clean: Callable[[str], str | None]) -> None:
    """Has the command lines of a proof cleaned of secrets, whole, and only then cut: half a secret is not found."""
    for process in proof["tree"] if proof else []:
        process["command"] = (clean(process["command"]) or "")[:COMMAND_LENGTH]


async def nap(woken: asyncio.Event, seconds: float) -> None:
    """Waits until `woken` is set, but not longer than so many seconds."""
    woken.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


def _with_descendants(root: Proc, below: dict[int, list[Proc]]) -> list[Proc]:
    found = [root]
    for proc in found:
        found.extend(below.get(proc.pid, ()))
    return found


def _signal(procs: list[Proc], number: signal.Signals, leader: int | None) -> int:
    """Signals the leader's group at once (no fork slips through), everything else one by one; returns how many."""
    sent = 0
    if leader is not None and any(proc.group == leader for proc in procs):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
            sent = sum(proc.group == leader for proc in procs)
    else:
        leader = None
    return sent + sum(procfs.send(proc, number) for proc in procs if proc.group != leader)


def _note(seen: dict[tuple[int, int], dict[str, Any] | None], procs: list[Proc]) -> None:
    """Takes down who was there; of those beyond SHOWN only that they were."""
    for proc in procs:
        if (proc.pid, proc.start) not in seen:
            shown = {"pid": proc.pid, "ppid": proc.ppid, "command": procfs.command(proc.pid)}
            seen[proc.pid, proc.start] = shown if len(seen) < SHOWN else None
