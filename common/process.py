"""What every process does: named loops that work in ticks until told to stop.

A tick does one bounded batch and returns the seconds to wait (0 = again now). A loop waits for stop, wake-up or
timeout, whichever comes first. A database that is away is waited for; any other error ends the process, and its
supervisor starts it again: a process in an unknown state is worse than a short pause.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from common.db.errors import is_away

log = structlog.get_logger()

Tick = Callable[[], Awaitable[float]]
T = TypeVar("T")


@dataclass
class Loop:
    """A named tick, and the event that wakes it before its time."""

    name: str
    tick: Tick
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    #: Seconds between two tries at most while the database is away.
    patience: float = 5.0

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop` is set."""
        failures = 0
        while not stop.is_set():
            self.wake.clear()
            try:
                delay = await self.tick()
                failures = 0
            except Exception as error:
                if not is_away(error):
                    log.exception("loop failed", loop=self.name)
                    raise
                failures += 1
                delay = backoff(failures, cap=self.patience)
                log.warning("database away", loop=self.name, error=type(error).__name__, retry_in=round(delay, 2))
                await pause(delay, stop)
                continue
            if delay > 0:
                await pause(delay, stop, self.wake)


def backoff(failures: int, *, base: float = 0.1, cap: float = 5.0) -> float:
    """Seconds to wait after so many failures in a row: doubling, up to `cap`, spread by half."""
    return float(min(cap, base * 2 ** min(failures, 16)) * (0.5 + random.random() / 2))  # noqa: S311


async def pause(seconds: float | None, *events: asyncio.Event) -> None:
    """Wait `seconds` (None = for ever), or until one of `events` is set."""
    if any(event.is_set() for event in events):
        return
    if not events and seconds is not None:
        await asyncio.sleep(seconds)
        return
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


async def outlast(work: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Do `work`, however long the database is away; returns its result, None when `stop` came first.

    For what a process does before its loops begin. Raises what `work` raises for any other reason.
    """
    failures = 0
    while not stop.is_set():
        try:
            return await work()
        except Exception as error:
            if not is_away(error):
                raise
            failures += 1
            delay = backoff(failures)
            log.warning("database away", error=type(error).__name__, retry_in=round(delay, 2))
            await pause(delay, stop)
    return None


async def run_all(stop: asyncio.Event, *work: Awaitable[None]) -> None:
    """Run all of `work` until `stop`; when one of them dies the others are told to stop and the error is raised."""
    tasks = [asyncio.ensure_future(item) for item in work]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    stop.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def stop_with_parent(stop: asyncio.Event) -> None:
    """Set `stop` when the supervisor is gone: it holds the other end of the pipe named by ROTA_SUPERVISOR_FD.

    A parent's death cannot be caught by a signal handler of its own, and PR_SET_PDEATHSIG fires when the thread
    that forked ends (reliability.md, 3).
    """
    number = os.environ.get("ROTA_SUPERVISOR_FD")
    if number is None:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    fd = int(number)
    loop.add_reader(fd, gone.set)
    try:
        await pause(None, gone, stop)
        stop.set()
    finally:
        loop.remove_reader(fd)
        with contextlib.suppress(OSError):
            os.close(fd)


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


def boot_id() -> str:
    """Changes with every boot: a process id means something only together with it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
