"""The worker: claims executions, has them run by its runner, records what became of them."""

import asyncio
import os
import signal

import structlog

from common.artifacts.choose import store_of
from common.clock import Clock
from common.config import Settings
from common.db.bells import bells_of
from common.db.schema import ensure_schema, patience
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, Wakeup
from common.process import Loop, outlast, pause, run_all, stop_with_parent
from common.security.encryption import Keyring
from worker import environment, identity
from worker.book import Book, Wakes
from worker.claim import Claimer
from worker.drain import Drain
from worker.heartbeat import Heart
from worker.identity import Identity
from worker.output import Shower
from worker.record import Recorder
from worker.runner_client import RunnerClient
from worker.shelf import Shelf

log = structlog.get_logger()


async def main(settings: Settings, stop: asyncio.Event | None = None, *, take_over: bool = False) -> None:
    """Work until `stop` is set; without one, until SIGTERM or SIGINT (the second of them: at once), or SIGUSR1: leave
    what runs to the process that takes over. `take_over`: be that process.

    Raises ConfigurationError when a worker of this name runs on this data folder, and leases.Superseded when
    another process has taken over this worker's id.
    """
    hurry, handover = asyncio.Event(), asyncio.Event()
    own_process = stop is None
    stop = stop or asyncio.Event()
    if own_process:
        _stop_on_signals(stop, hurry, handover)
    with identity.acquired(settings, take_over=take_over) as own:
        if own_process:
            own.may_be_asked()
        bells = bells_of(settings)
        database = Database(settings.url, synchronous=settings.sqlite_synchronous, at_once=True, bells=bells)
        try:
            await _work(settings, database, own, stop, hurry, handover)
        finally:
            await database.dispose()


async def _work(
    settings: Settings,
    database: Database,
    own: Identity,
    stop: asyncio.Event,
    hurry: asyncio.Event,
    handover: asyncio.Event,
) -> None:
    clock = Clock()
    generation = await _register(settings, database, own, clock, stop)
    if generation is None:
        return
    log.info("worker started", id=own.id, name=own.name, generation=generation, slots=settings.slots)
    if os.geteuid() == 0 and not settings.run_as:
        log.warning(
            "this worker is root, and so is every task that names no user: set ROTA_RUN_AS, or start it as another"
        )
    wakes = Wakes()
    book = Book(settings.slots, wakes)
    base = environment.passed_on(os.environ)
    runner = RunnerClient(own.folder / "runner", own.id, base, book, clock, _runner_options(settings))
    shelf = Shelf(store_of(settings), wakes, limit=settings.artifact_limit, days=settings.artifact_days)
    heart = Heart(database, clock, settings, own, generation, book, runner)
    claimer = Claimer(database, clock, settings, own, book, runner, base, Keyring(settings))
    loops = (
        Loop("claim", claimer.tick, wakes.claim),
        Loop("start", claimer.start, wakes.start),
        # A database that is back shall hear of us before a lease is over.
        Loop("heartbeat", heart.beat, wakes.heartbeat, patience=settings.heartbeat / 2),
        Loop("look", heart.look, wakes.look),
        Loop("record", Recorder(database, clock, own, book, runner, wakes, shelf).tick, wakes.record),
        Loop("output", Shower(database, clock, own, book).tick),
    )
    drain = Drain(database, clock, own, generation, book, runner, wakes, settings.drain_timeout, stop, hurry, handover)
    wakeup = Wakeup(settings.url, {Topic.QUEUE: [wakes.claim], Topic.CANCEL: [wakes.look]}, bells=database.bells)
    ended = asyncio.Event()
    try:
        await run_all(
            ended,
            *(loop.run(ended) for loop in loops),
            runner.run(ended),
            drain.run(ended),
            _with_parent(stop, ended),
            wakeup.run(ended),
        )
    finally:
        await shelf.close()


def _runner_options(settings: Settings) -> list[str]:
    return ["--cgroup", settings.cgroup, *(["--new-privileges"] if settings.new_privileges else [])]


async def _register(
    settings: Settings, database: Database, own: Identity, clock: Clock, stop: asyncio.Event
) -> int | None:
    """Enter the worker into the database, however long that is away; returns its generation, None when stopped."""

    async def enter(session: WriteSession) -> int:
        return await identity.register(session, own, settings, now=await clock.now(session))

    async def begin() -> int:
        await ensure_schema(database, settings.url, patience=patience())
        return await database.transact(enter)

    return await outlast(begin, stop)


async def _with_parent(stop: asyncio.Event, ended: asyncio.Event) -> None:
    """Stop when the supervisor is gone."""
    watching = asyncio.ensure_future(stop_with_parent(stop))
    await pause(None, ended)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def _stop_on_signals(stop: asyncio.Event, hurry: asyncio.Event, handover: asyncio.Event) -> None:
    def handle() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle)
    loop.add_signal_handler(identity.HAND_OVER, handover.set)
