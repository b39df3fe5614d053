"""One attempt to run a task, from its start to its result."""

import asyncio
import os
import resource
import time
from collections.abc import Callable
from functools import partial

from worker.runner import limits, log, procfs, results
from worker.runner.cgroup import Group, Usage
from worker.runner.masking import Masker, needles
from worker.runner.output import Capture, Live, Timing
from worker.runner.protocol import Message, Spec
from worker.runner.refusals import SpawnError
from worker.runner.spawn import Spawner
from worker.runner.tree import Family, Proof, end_tree, nap, shorten

READ_SIZE = 65536
LAST_READS = 64  # x READ_SIZE: more than a pipe can hold; a background process that floods it must not hold us
SPAWN_RETRIES = 6
RETRY_DELAY = 0.05  # seconds, doubled every time
FIRST_LOOK = 0.5  # seconds after the start, at which the memory of a task is looked at first
LONGEST_LOOK = 30.0  # seconds between two such looks
SETTLE = 0.2  # seconds for the rest of a tree to go by itself once the leader is gone and the pipes are closed


class Stream:
    """One pipe and what is kept of it."""

    def __init__(self, name: str, fd: int, capture: Capture, masker: Masker | None) -> None:
        self.name = name
        self.fd = fd
        self.capture = capture
        self.masker = masker  # None where there is nothing to mask, as with most tasks
        self.open = True


class Job:
    """One attempt. `begun` is called when it was spawned; `done` once, when nothing runs and its result can be had."""

    def __init__(
        self,
        spec: Spec,
        family: Family,
        spawner: Spawner,
        begun: Callable[["Job"], None],
        done: Callable[["Job"], None],
    ) -> None:
        self.spec = spec
        self.key = spec.key
        self.token = spec.token
        self.pid: int | None = None
        self.started_at: float | None = None  # unix seconds
        self.folder: str | None = None  # of its report and files
        self._family = family
        self._spawner = spawner
        self._begun = begun
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._began = 0.0  # monotonic seconds, like _ended
        self._ended: float | None = None
        self._finished_at: float | None = None  # unix seconds
        self._usage: resource.struct_rusage | None = None
        self._floor = 0  # bytes; of a lower peak of memory the kernel says nothing (results.of_exit)
        self._peak: int | None = None  # bytes, as last seen
        self._look_at = 0.0  # monotonic
        self._group: Group | None = None
        self._shared: Usage | None = None  # of the cgroup, read at the end
        self._status: int | None = None
        self._outcome: str | None = None  # why it was ended, where it did not end by itself
        self._hurry = False
        self._stopped_at: float | None = None  # monotonic: many that are stopped at once share one look at /proc
        self._error: str | None = None
        self._proof: Proof | None = None
        self._streams: dict[str, Stream] = {}
        self._live = Live()
        self._timing = Timing()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self.over = False

    # --- begin ---

    def start(self, tries: int = 0) -> None:
        """Spawns the process; what passes (no descriptors, no pids) is tried again, what stays becomes the result."""
        self._timer = None
        if self.over:
            return
        if self._past_deadline():
            self._finish("deadline", "its lease was over before it was started")
            return
        try:
            spawned = self._spawner.spawn(self.spec)
        except SpawnError as error:
            if error.passing and tries < SPAWN_RETRIES:
                self._timer = self._loop.call_later(RETRY_DELAY * 2**tries, self.start, tries + 1)
                return
            log.event("spawn_error", id=self.spec.id, token=self.token, error=type(error.__cause__).__name__)
            self._finish("spawn_error", str(error))
            return
        self.pid, self._began, self.started_at = spawned.pid, time.monotonic(), time.time()
        self._group, self._look_at = spawned.group, self._began + FIRST_LOOK
        self.folder, self.spec.stdin = spawned.folder, None
        self._family.born(self.key, spawned.pid, keep_background=self.spec.keep_background)
        plain, coded = needles(self._secrets())
        for name, fd in (("o", spawned.stdout), ("e", spawned.stderr)):
            stream = Stream(name, fd, Capture(self.spec.output_cap), Masker(plain, coded) if plain else None)
            self._streams[name] = stream
            self._loop.add_reader(fd, self._read, stream)
        if self.spec.timeout is not None:
            self._timer = self._loop.call_later(self.spec.timeout, self.stop, "timed_out")
        self._begun(self)

    # --- while it runs ---

    def stop(self, outcome: str) -> None:
        """Has the whole tree ended and the result called `outcome`. The first reason counts."""
        if self.over or self._outcome is not None:
            return
        if self.pid is None:
            self._finish(outcome, "it was stopped before it was started")
            return
        if self._status is None:
            self._outcome = outcome
            log.event("ending", id=self.spec.id, token=self.token, pid=self.pid, reason=outcome)
        self._hurry = True
        self._stopped_at = self._stopped_at or time.monotonic()
        self._changed.set()
        self._close_down()

    def check(self) -> None:
        """Stops the task when its lease is over and it must not run beyond it. To be called now and then."""
        if self._past_deadline():
            self.stop("deadline")

    def weigh(self) -> None:
        """Notes how much memory its processes hold, from time to time: the longer it runs the more seldom."""
        now = time.monotonic()
        if self.pid is None or self._status is not None or now < self._look_at:
            return
        self._look_at = now + min(now - self._began, LONGEST_LOOK)
        seen = [procfs.peak_memory(pid) or 0 for pid in procfs.descendants(self.pid)]
        self._peak = max([self._peak or 0, *seen]) or None

    def wake(self) -> None:
        """Tells that a process of its tree has gone."""
        self._changed.set()

    def runs_longer_than(self, seconds: float) -> bool:
        """Whether it was spawned that long ago."""
        return self.pid is not None and time.monotonic() - self._began > seconds

    def live_output(self) -> Message | None:
        """Returns an output message with what came since the last, or None when nothing did."""
        pieces = self._live.take({name: stream.capture for name, stream in self._streams.items()})
        if not pieces:
            return None
        message: Message = {"op": "output", "id": self.spec.id, "token": self.token, "pieces": pieces}
        if skipping := [name for name, stream in self._streams.items() if stream.capture.beyond_head]:
            message["skipping"] = skipping
        return message

    # --- end ---

    def leader_exited(self, status: int, usage: resource.struct_rusage, floor: int) -> None:
        """Takes what wait4 said about the leader, and reads what it left in the pipes. `settle` must follow.

        `floor` is the most memory this process has held so far, in bytes.
        """
        self._ended, self._finished_at = time.monotonic(), time.time()
        self._status, self._usage, self._floor = status, usage, floor
        if self._timer:
            self._timer.cancel()
        for stream in self._streams.values():
            self._read_out(stream)
        self._changed.set()

    def settle(self) -> None:
        """Finishes at once when nothing is left of the tree, as with most tasks; otherwise sees to the rest."""
        if self._closing is None and not self._quiet():
            self._close_down()
        elif self._closing is None:
            self._finish(self._outcome or "exited")

    def result(self) -> Message:
        """Returns the result as the protocol has it."""
        message = results.empty(self.key, self._outcome or "exited", self._error)
        message |= {"pid": self.pid, "started_at": self.started_at, "proof": self._proof}
        message["timing"] = self._timing.marks
        if self.pid is not None:
            message["finished_at"] = self._finished_at or time.time()
            message["duration"] = (self._ended or time.monotonic()) - self._began
        for name, stream in self._streams.items():
            message |= results.of_stream("stdout" if name == "o" else "stderr", stream.capture)
        if self._status is not None and self._usage is not None:
            message |= results.of_exit(self._status, self._usage, floor=self._floor, seen=self._peak)
            if self._shared is not None:
                message |= results.of_group(self._shared)
            if self._outcome == "exited":
                message["error"] = self._error or self._struck(message)
        return message

    def _struck(self, message: Message) -> str | None:
        """Which of its limits ended it."""
        if not self.spec.limits:
            return None
        said = self._streams["e"].capture.kept()[-limits.TAIL :]
        struck = self._shared.struck if self._shared else frozenset[str]()
        ended = message["exit_code"], message["signal"], message["cpu_seconds"]
        return limits.verdict(self.spec.limits, *ended, said, struck)

    def _read(self, stream: Stream) -> bool:
        """Reads once; returns whether there may be more."""
        try:
            data = os.read(stream.fd, READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            self._close(stream)
            return False
        self._take(stream, stream.masker.feed(data) if stream.masker else data)
        return True

    def _take(self, stream: Stream, data: bytes) -> None:
        if not data:
            return
        offset, at = stream.capture.total, time.monotonic() - self._began
        self._timing.add(stream.name, offset, at)
        if length := stream.capture.add(data):
            self._live.add(stream.name, offset, length, at)

    def _read_out(self, stream: Stream) -> None:
        for _ in range(LAST_READS):
            if not stream.open or not self._read(stream):
                break

    def _close(self, stream: Stream) -> None:
        if stream.open:
            stream.open = False
            self._loop.remove_reader(stream.fd)
            os.close(stream.fd)
            if stream.masker:
                self._take(stream, stream.masker.close())
            self._changed.set()

    def _secrets(self) -> list[str]:
        return [*(self.spec.env[name] for name in self.spec.masked), *self.spec.secrets]

    def _without_secrets(self, said: str | None) -> str | None:
        if not said or not (self.spec.masked or self.spec.secrets):
            return said
        masker = Masker(*needles(self._secrets()))
        return (masker.feed(said.encode("utf-8", "replace")) + masker.close()).decode("utf-8", "replace")

    def _past_deadline(self) -> bool:
        deadline = self.spec.deadline
        late = deadline is not None and time.clock_gettime(time.CLOCK_BOOTTIME) > deadline
        return late and self.spec.on_deadline == "stop"

    def _silent(self) -> bool:
        return not any(stream.open for stream in self._streams.values())

    def _quiet(self) -> bool:
        return self._silent() and not self._family.left_behind(self.key)

    def _close_down(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._wind_down())
            self._closing.add_done_callback(self._wound_down)

    async def _wind_down(self) -> None:
        """Gives what still runs its time, then ends it, and makes sure that nothing is left."""
        if self._status is not None:
            await self._until(lambda: self._hurry or self._silent(), self.spec.drain)
            await self._until(lambda: self._hurry or self._quiet(), SETTLE)
        if self._hurry or not self.spec.keep_background:
            find = partial(self._family.census.of, self.key)
            asked = self._stopped_at or time.monotonic()
            kill = self._group.kill if self._group else None
            self._proof = await end_tree(
                find, self._unreaped, asked=asked, grace=self.spec.grace, woken=self._changed, kill=kill
            )
            shorten(self._proof, self._without_secrets)
        await self._until(lambda: self._status is not None, SETTLE)

    def _wound_down(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            log.event("error", id=self.spec.id, token=self.token, error=repr(error))
        self._finish(self._outcome or "exited")

    def _unreaped(self) -> int | None:
        return self.pid if self._status is None else None

    async def _until(self, true: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not true() and (left := end - time.monotonic()) > 0:
            await nap(self._changed, left)

    def _finish(self, outcome: str, error: str | None = None) -> None:
        if self.over:
            return
        self.over = True
        self._outcome, self._error = outcome, self._without_secrets(error)
        if self._timer:
            self._timer.cancel()
        for stream in self._streams.values():
            self._read_out(stream)
            self._close(stream)
        self._family.forget(self.key)
        if self._group is not None:
            self._shared = self._group.usage()
        self._spawner.clear(self.spec, self._group)
        self._done(self)
