"""The runner: takes orders from its worker, keeps the tasks it runs, and gives results until they are acknowledged.

worker -> runner   hello {worker_pid, slots?} · start {jobs: [Spec...]} ·
                   deadline {leases: [[id, token, deadline]...]} · stop {jobs: [[id, token]...], reason} ·
                   ack {jobs: [[id, token]...]} · recall · quit
runner -> worker   hello {pid, boot_id, running, unacked, version, limits, since} ·
                   started {jobs: [[id, token, pid, unix time, folder?]...]} ·
                   output {id, token, pieces: [[seq, "o"|"e", offset, seconds, base64]...], skipping} ·
                   finished {results: [...]} (results.py; with the folder where there is one) · full {full} ·
                   returned {jobs: [[id, token]...]}

Only the newest connection that said hello counts. Messages are grouped for a few milliseconds. No more than `slots` run
at a time: what comes beyond waits here for the next slot, so that none is empty while the worker is asked, until it is
recalled.
"""

import asyncio
import ctypes
import json
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from worker.runner import log, procfs, results
from worker.runner.cgroup import Cgroups
from worker.runner.connection import Connection
from worker.runner.folders import Folders
from worker.runner.job import Job
from worker.runner.leftovers import Leftovers
from worker.runner.place import Place
from worker.runner.protocol import LIVE_AFTER, VERSION, Key, Message, Spec, keys
from worker.runner.spawn import TO_DEFAULT, Spawner
from worker.runner.spool import Spool
from worker.runner.tree import Family, nap
from worker.runner.work import Work

TICK = 0.5  # seconds between two looks at deadlines, live output, the spool; also how often live output is sent
GROUP = 0.003  # seconds for which messages and writes are collected
SPAWN_AT_ONCE = 4  # between two rounds of the event loop, so that pipes are read while many are started
SEND_AT_ONCE = 1 << 20  # bytes of results read from the spool for one line
QUIT_PATIENCE = 5.0  # seconds to wait for acknowledgements when told to quit
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_STOP_REASONS = ("cancelled", "lost", "interrupted")


class Runner:
    """One per directory. `idle` is the seconds without a worker and without work after which it ends itself; `cgroup`
    where tasks get cgroups (cgroup.find)."""

    def __init__(self, place: Place, name: str, idle: float, cgroup: Path | None) -> None:
        self._place = place
        self._idle = idle
        self._since = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._spool = Spool(place.spool)
        self._work = Work(name, place.path)
        self._cgroups = Cgroups(name, cgroup)
        self._folders = Folders(name, place.path)
        self._spawner = Spawner(name, self._work, self._folders, self._cgroups)
        self._family = Family(name)
        self._leftovers = Leftovers(name, self._on_leftover)
        self._jobs: dict[int, Job] = {}
        self._waiting: dict[int, Spec] = {}  # the next attempt, until the one before has been ended
        self._queue: deque[Job] = deque()  # to be spawned, as slots fall free
        self._slots: int | None = None  # None = no limit but the worker's own
        self._spawn_due = False
        self._begun: list[Job] = []  # to be told of
        self._worker: Connection | None = None
        self._sent = 0  # number of the last result sent on this connection
        self._full = False
        self._flush_due = False
        self._quit_at: float | None = None
        self._busy_at = time.monotonic()
        self._woken = asyncio.Event()
        self._ops: dict[str, Callable[[Message], None]] = {
            "start": self._on_start,
            "deadline": self._on_deadline,
            "stop": self._on_stop,
            "ack": self._on_ack,
            "recall": lambda _: self._on_recall(),
            "quit": lambda _: self.quit(),
        }

    async def main(self) -> None:
        """Serves until it may go."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: log.event("error", error=repr(context.get("exception"))))
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.quit)
        self._leftovers.end(self._spool.marks(), everything=self._spool.damaged)
        self._sweep()
        self._folders.sweep(keep={*self._spool.unacked, *self._leftovers.keys()})
        listener = self._place.listen()
        loop.add_reader(listener, self._accept, listener)
        log.event("ready", dir=str(self._place.path), unacked=len(self._spool.unacked))
        while not self._may_go():
            await nap(self._woken, TICK)
            self._tick()
        loop.remove_reader(listener)
        listener.close()
        self._place.leave()
        log.event("gone")

    def close(self) -> None:
        """Closes the spool, once the event loop is gone and nothing can be written any more."""
        self._spool.close()
        self._work.close()
        self._folders.close()

    def quit(self) -> None:
        """Stops everything that runs as interrupted; the runner goes when all of it is over."""
        if self._quit_at is None:
            log.event("quit", running=len(self._jobs))
            self._quit_at = time.monotonic()
        for execution in list(self._waiting):
            self._refuse(self._waiting.pop(execution).key, "interrupted", "it was stopped before it was started")
        for job in list(self._jobs.values()):
            job.stop("interrupted")
        self._woken.set()

    # --- the worker ---

    def _accept(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            client, _ = listener.accept()
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            made = loop.connect_accepted_socket(lambda: Connection(self._receive, self._pump, self._lost), client)
            task = loop.create_task(made)
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _receive(self, connection: Connection, message: Message) -> None:
        if message["op"] == "hello":
            self._on_hello(connection, message)
        elif connection is self._worker:
            self._ops[message["op"]](message)

    def _lost(self, connection: Connection) -> None:
        if connection is self._worker:
            log.event("worker_gone", running=len(self._jobs), unacked=len(self._spool.unacked))
            self._worker = None
            self._busy_at = time.monotonic()

    def _on_hello(self, connection: Connection, message: Message) -> None:
        if self._worker is not None and self._worker is not connection:
            self._worker.close()
        log.event("worker", pid=message.get("worker_pid"), running=len(self._jobs), unacked=len(self._spool.unacked))
        self._worker, self._sent, self._slots = connection, 0, message.get("slots")
        running = [job.key for job in self._jobs.values()]
        running += [spec.key for spec in self._waiting.values()] + self._leftovers.keys()
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        unacked = list(self._spool.unacked)
        told = {"op": "hello", "pid": os.getpid(), "boot_id": boot_id, "running": running, "unacked": unacked}
        limits = "cgroup" if self._cgroups.delegated else "rlimit"
        connection.send(told | {"version": VERSION, "limits": limits, "since": self._since})
        self._begun = [job for job in self._jobs.values() if job.pid is not None]
        if self._full:
            connection.send({"op": "full", "full": True})
        self._flush()
        self._spawn_soon()

    def _on_start(self, message: Message) -> None:
        fresh = []
        for raw in message["jobs"]:
            key = (int(raw["id"]), int(raw["token"]))
            if self._known(key):
                continue
            try:
                spec = Spec.read(raw)
            except ValueError as error:
                self._refuse(key, "spawn_error", str(error))
                continue
            if self._quit_at is not None:
                self._refuse(key, "interrupted", "it was stopped before it was started")
            elif self._free_for(spec):
                fresh.append(self._job_of(spec))
        self._begin(fresh)

    def _on_deadline(self, message: Message) -> None:
        for execution, token, deadline in message["leases"]:
            for spec in self._specs(execution):
                if spec.token == token:
                    spec.deadline = deadline

    def _on_stop(self, message: Message) -> None:
        reason = message["reason"]
        if reason not in _STOP_REASONS:
            raise ValueError(f"unknown reason {reason}")
        for execution, token in keys(message["jobs"]):
            if execution in self._waiting and self._waiting[execution].token == token:
                self._refuse(self._waiting.pop(execution).key, reason, "it was stopped before it was started")
            elif job := self._job((execution, token)):
                job.stop(reason)

    def _on_ack(self, message: Message) -> None:
        for key in keys(message["jobs"]):
            self._spool.ack(key)
            self._folders.drop(key)
        self._flush_soon()

    def _on_recall(self) -> None:
        """Gives back what no slot fell free for: from here on it is as if it had never come."""
        back = [job.key for job in self._queue]
        for key in back:
            del self._jobs[key[0]]
        self._queue.clear()
        if back and self._worker is not None:
            self._spool.unmark(back)
            self._worker.send({"op": "returned", "jobs": back})

    # --- the tasks ---

    def _known(self, key: Key) -> bool:
        return (
            any(spec.token == key[1] for spec in self._specs(key[0]))
            or key in self._spool.unacked
            or self._leftovers.hold(*key)
        )

    def _job(self, key: Key) -> Job | None:
        job = self._jobs.get(key[0])
        return job if job is not None and job.key == key else None

    def _specs(self, execution: int) -> list[Spec]:
        found = [self._jobs[execution].spec] if execution in self._jobs else []
        return found + ([self._waiting[execution]] if execution in self._waiting else [])

    def _free_for(self, spec: Spec) -> bool:
        """Whether no other attempt of this execution lives. One that does is ended first, and then this one begins."""
        others = self._specs(spec.id)
        if not others and not self._leftovers.hold(spec.id):
            return True
        if any(other.token > spec.token for other in others):
            self._refuse(spec.key, "lost", "a later attempt took its place")
            return False
        if spec.id in self._waiting:
            self._refuse(self._waiting[spec.id].key, "lost", "a later attempt took its place")
        self._waiting[spec.id] = spec
        if spec.id in self._jobs:
            self._jobs[spec.id].stop("lost")
        return False

    def _job_of(self, spec: Spec) -> Job:
        job = Job(spec, self._family, self._spawner, self._on_begun, self._on_done)
        self._jobs[spec.id] = job
        return job

    def _begin(self, jobs: list[Job]) -> None:
        """Marks these on disk, then starts them: whatever happens now, a successor knows of them."""
        jobs = [job for job in jobs if not job.over]
        if not jobs:
            return
        self._spool.mark([job.spec for job in jobs])
        self._queue.extend(jobs)
        self._spawn_soon()

    def _has_slot(self) -> bool:
        return self._slots is None or len(self._jobs) - len(self._queue) < self._slots

    def _spawn_soon(self) -> None:
        if self._queue and not self._spawn_due and self._has_slot():
            self._spawn_due = True
            asyncio.get_running_loop().call_soon(self._spawn)

    def _spawn(self) -> None:
        self._spawn_due = False
        for _ in range(SPAWN_AT_ONCE):
            if not self._queue or not self._has_slot():
                return
            self._queue.popleft().start()
        self._spawn_soon()

    def _on_begun(self, job: Job) -> None:
        self._begun.append(job)
        self._flush_soon()

    def _on_done(self, job: Job) -> None:
        del self._jobs[job.spec.id]
        if job.pid is None and job in self._queue:
            self._queue.remove(job)
        self._keep(job.key, job.result())
        self._spawn_soon()

    def _on_leftover(self, key: Key, result: Message) -> None:
        self._keep(key, result)
        self._sweep()

    def _sweep(self) -> None:
        if not self._leftovers.keys():
            self._work.sweep()

    def _refuse(self, key: Key, outcome: str, error: str) -> None:
        self._keep(key, results.empty(key, outcome, error))

    def _keep(self, key: Key, result: Message) -> None:
        """Takes a result, and begins the attempt that waited for this one's end."""
        if (folder := self._folders.of(key)) is not None:
            result["folder"] = folder
        self._spool.put(key, json.dumps(result, separators=(",", ":")).encode())
        self._flush_soon()
        if self._quit_at is not None:
            self._woken.set()
        execution = key[0]
        if execution in self._waiting and execution not in self._jobs and not self._leftovers.hold(execution):
            self._begin([self._job_of(self._waiting.pop(execution))])

    def _reap(self) -> None:
        """Buries every child that ended: leaders and adopted ones."""
        ended, floor = [], 0
        with suppress(ChildProcessError):
            while (report := os.wait4(-1, os.WNOHANG))[0]:
                pid, status, usage = report
                key, owners = self._family.reaped(pid)
                # A job may be over before its leader is reaped, when that one hung in the kernel.
                if key is not None and (job := self._job(key)):
                    floor = floor or procfs.peak_memory() or 0
                    job.leader_exited(status, usage, floor)
                    ended.append(job)
                for owner in owners:
                    if job := self._job(owner):
                        job.wake()
        if ended:
            self._family.adopt()
        for job in ended:
            job.settle()

    # --- what goes out, and what is looked at now and then ---

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_later(GROUP, self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._begun and self._worker is not None:
            begun = [[*job.key, job.pid, job.started_at, *([job.folder] if job.folder else [])] for job in self._begun]
            self._worker.send({"op": "started", "jobs": begun})
        self._begun = []
        self._spool.commit()
        self._pump()

    def _pump(self) -> None:
        """Sends results in the order they came, only from the spool, as long as the worker reads."""
        while self._worker is not None and self._worker.roomy:
            found = self._spool.read(self._sent, SEND_AT_ONCE)
            if not found:
                return
            self._sent = found[-1][0]
            self._worker.write(b'{"op":"finished","results":[' + b",".join(body for _, body in found) + b"]}\n")

    def _tick(self) -> None:
        try:
            self._reap()
            for job in list(self._jobs.values()):
                job.check()
                job.weigh()
                self._show(job)
            self._flush()
            self._tell_full()
        except Exception as error:  # whatever it is, the tasks go on and so does their runner
            log.event("error", error=repr(error))

    def _show(self, job: Job) -> None:
        if self._worker is not None and self._worker.roomy and job.runs_longer_than(LIVE_AFTER):
            message = job.live_output()
            if message is not None:
                self._worker.send(message)

    def _tell_full(self) -> None:
        full = self._spool.full()
        if full != self._full:
            log.event("full", full=full)
            self._full = full
            if self._worker is not None:
                self._worker.send({"op": "full", "full": full})

    def _may_go(self) -> bool:
        now = time.monotonic()
        if self._jobs or self._waiting or self._leftovers.keys():
            self._busy_at = now
            return False
        if self._quit_at is not None:
            patient = self._worker is not None and now < max(self._quit_at, self._busy_at) + QUIT_PATIENCE
            return not (patient and self._spool.unacked)
        # Results that no worker can ever ask for hold nobody up.
        if self._worker is not None or (self._spool.unacked and self._place.reachable()):
            self._busy_at = now
        return now > self._busy_at + self._idle


def prepare_process(*, new_privileges: bool) -> None:
    """Makes this process a subreaper, detached from whoever started it and from what it inherited.

    Tasks inherit the rest: files for their user only, and without `new_privileges` no program that gives more rights
    than its caller has (sudo, ping of old), for good.
    """
    with suppress(PermissionError):
        os.setsid()
    os.chdir("/")
    for fd in [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]:
        with suppress(OSError):  # the listing's own descriptor is gone already
            os.set_inheritable(fd, False)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # What whoever started it ignores (a shell has a program in the background ignore SIGQUIT), tasks shall not.
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN and number not in TO_DEFAULT:
            signal.signal(number, signal.SIG_DFL)
    prctl: Any = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel has no PR_SET_CHILD_SUBREAPER")
    if not new_privileges and prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel has no PR_SET_NO_NEW_PRIVS")
    os.umask(0o077)
