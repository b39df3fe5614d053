"""Health for those who watch from outside, status for those who are signed in."""

from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import SQLAlchemyError

from api.access import FOR_ADMINISTRATORS, administrators
from api.deps import ClockDep, DatabaseDep, ReadDep, ReadNow, UserDep, WriteDep, WriteNow
from api.places import HOME
from api.schemas.base import Answer, Instant
from common.clock import Clock
from common.db.session import Database
from common.services import status, workers
from common.version import __version__

log = structlog.get_logger()
public = APIRouter(tags=["status"])
private = APIRouter(tags=["status"])
administration = APIRouter(tags=["status"], dependencies=[administrators])


class Heartbeats(Answer):
    """How many processes of a kind are at work, and when one last gave a sign of life."""

    alive: int
    heartbeat_at: Instant | None


class Health(Answer):
    """`ok` when everything is at work; `degraded` when schedules or workers are not; `down` without a database."""

    status: Literal["ok", "degraded", "down"]
    version: str
    database: Literal["ok", "down"]
    scheduler: Heartbeats
    worker: Heartbeats


async def _health(database: Database, clock: Clock, response: Response) -> Health:
    try:
        async with database.read() as session:
            found = await status.processes(session, now=await clock.now(session))
    except (SQLAlchemyError, OSError) as error:
        log.warning("health: database away", error=type(error).__name__)
        response.status_code = 503
        nobody = Heartbeats(alive=0, heartbeat_at=None)
        return Health(status="down", version=__version__, database="down", scheduler=nobody, worker=nobody)
    scheduler, worker = (
        Heartbeats(alive=len(found.alive(rows)), heartbeat_at=max((row.heartbeat_at for row in rows), default=None))
        for rows in (found.schedulers, found.workers)
    )
    well = scheduler.alive and worker.alive
    return Health(
        status="ok" if well else "degraded",
        version=__version__,
        database="ok",
        scheduler=scheduler,
        worker=worker,
    )


@public.get("/health")
async def health(database: DatabaseDep, clock: ClockDep, response: Response) -> Health:
    """Whether Rota works: database, schedulers, workers. 503 only when the database does not answer."""
    return await _health(database, clock, response)


@public.get("/", response_model=Health)
async def root(request: Request, database: DatabaseDep, clock: ClockDep, response: Response) -> Health | Response:
    """Health for a program; a browser is sent to the pages."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(HOME, status_code=303)
    return await _health(database, clock, response)


class ProcessOut(Answer):
    """A scheduler at work."""

    id: str
    host: str
    pid: int
    version: str
    started_at: Instant
    heartbeat_at: Instant


class WorkerOut(ProcessOut):
    """A worker at work. `generation` counts its processes; this one runs since `started_at` and found `taken_over`
    executions of the one before running in the runner they share. `limits` are kept by "cgroup" or "rlimit";
    `as_root`: tasks that name no user run as root. `draining`: it takes nothing more, because it stops or because
    `drain_asked_by` asked for it. Load and memory (bytes) are those of its machine, at the last sign of life."""

    name: str
    queues: list[str]
    slots: int
    running: int
    draining: bool
    drain_asked_at: Instant | None
    drain_asked_by: str
    cpu_percent: float | None
    memory_used: int | None
    memory_total: int | None
    generation: int
    taken_over: int
    runner_pid: int | None
    limits: str
    as_root: bool
    stopped_at: Instant | None


class SystemStatus(Answer):
    """What is at work and how much there is to do."""

    version: str
    database: str
    now: Instant
    schedulers: list[ProcessOut]
    workers: list[WorkerOut]
    tasks: int
    waiting: int
    queued: int
    running: int


@private.get("/status")
async def system_status(session: ReadDep, now: ReadNow, database: DatabaseDep) -> SystemStatus:
    """Everything at work: schedulers, workers, and executions waiting, queued and running."""
    found = await status.processes(session, now=now)
    load = await status.load(session)
    return SystemStatus(
        version=__version__,
        database=database.dialect,
        now=now,
        schedulers=[ProcessOut.model_validate(row) for row in found.alive(found.schedulers)],
        workers=[WorkerOut.model_validate(row) for row in found.workers],
        **load,
    )


@private.get("/workers")
async def list_workers(session: ReadDep, now: ReadNow) -> list[WorkerOut]:
    """The workers of the last day, those that have stopped included."""
    found = await status.processes(session, now=now)
    return [WorkerOut.model_validate(row) for row in found.workers]


class Drained(Answer):
    """A worker that was asked for something."""

    id: str
    name: str
    draining: bool


WorkerId = Annotated[str, Path(max_length=64, description="Id of the worker.")]


@administration.post("/workers/{worker_id}/drain", openapi_extra=FOR_ADMINISTRATORS)
async def drain_worker(worker_id: WorkerId, session: WriteDep, now: WriteNow, user: UserDep) -> Drained:
    """Have a worker take nothing more, from its next sign of life on; what it runs goes on. It stays so, also when it
    is started anew, until it is resumed."""
    name = await workers.drain(session, worker_id, by=user.username, now=now)
    return Drained(id=worker_id, name=name, draining=True)


@administration.post("/workers/{worker_id}/resume", openapi_extra=FOR_ADMINISTRATORS)
async def resume_worker(worker_id: WorkerId, session: WriteDep, now: WriteNow) -> Drained:
    """Have a worker that was drained take executions again."""
    return Drained(id=worker_id, name=await workers.resume(session, worker_id, now=now), draining=False)


@administration.delete("/workers/{worker_id}", status_code=204, openapi_extra=FOR_ADMINISTRATORS)
async def forget_worker(worker_id: WorkerId, session: WriteDep, now: WriteNow) -> None:
    """Remove a worker that is gone for good. 409 while it is at work, or has executions."""
    await workers.forget(session, worker_id, now=now)
