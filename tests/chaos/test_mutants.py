"""The checker is worth its name: what lacks a safeguard is caught, and the same run with it is not."""

import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select, text

from common.clock import Clock
from common.db.session import Database, WriteSession
from common.process import pause
from common.services import tasks
from common.services.inputs import TaskInput
from tests.chaos import evidence, workload
from tests.chaos.crew import PATIENCE, Crew
from tests.chaos.members import Member
from tests.chaos.mutants import MUTANTS
from tests.chaos.workload import MARK
from tests.support import world
from tests.support.eventually import eventually
from tests.support.history import Attempt, read_log

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]
NONE = ""
#: Ten seconds of signs of life.
LENGTHY = workload.OUT + "for i in $(seq 100); do sleep 0.1; log H; done\n" + workload.END
LEASE, HEARTBEAT = 3.0, 0.5


@dataclass
class Stage:
    """A small Rota with or without a mutation, and the evidence it leaves."""

    folder: Path
    url: str
    mutant: str
    database: Database
    due: dict[int, list[datetime]] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def side(self) -> Path:
        """The log that the tasks write."""
        return self.folder / "side.log"

    @asynccontextmanager
    async def at_work(self, *, schedulers: int = 1, workers: int = 1, slots: int = 16) -> AsyncIterator[Crew]:
        """Processes at work; rest comes before they are told to stop."""
        self.side.touch()
        settings = {"ROTA_LEASE": str(LEASE), "ROTA_HEARTBEAT": str(HEARTBEAT), "ROTA_SLOTS": str(slots)}
        settings["ROTA_DRAIN_TIMEOUT"] = "0"
        program = ("tests.chaos.mutants", self.mutant) if self.mutant else ("rota",)
        crew = Crew(self.folder, self.url, settings, program)
        async with crew.at_work(schedulers=schedulers, workers=workers):
            await evidence.watch_moves(self.database)
            yield crew

    async def add(self, script: str, count: int = 1, **values: Any) -> list[int]:
        """A task that is run by hand so many times; gives nothing to be due."""

        async def work(session: WriteSession) -> list[int]:
            now = await Clock().now(session)
            command = workload.PRELUDE % self.side + script
            given = {"env": {MARK: self.mark}} | values
            task = await tasks.create(
                session, TaskInput(name="by hand", command=command, **given), owner_id=None, now=now
            )
            assert task.id is not None
            self.due[task.id] = []
            return [await tasks.run_now(session, task.id, by="test", now=now) for _ in range(count)]

        return await self.database.transact(work)

    async def every_second(self, seconds: int) -> None:
        """The usual tasks, for so long."""
        work = await workload.create(self.database, side=self.side, mark=self.mark, seconds=seconds, lead=1)
        self.due = dict.fromkeys(work.ids(), work.window.instants())

    def attempts(self, execution: int) -> dict[int, Attempt]:
        """What the log says of an execution so far."""
        return dict(read_log(self.side.read_text().splitlines()).get(execution, {}))

    async def caught(self) -> set[str]:
        """The invariants that do not hold."""
        case = evidence.Case(self.folder, self.side, self.mark)
        _, _, found = await case.examine(self.database, self.due)
        return {violation.invariant for violation in found}


@pytest.fixture
def database_kind() -> str:
    """One is enough: what is tried here is the checker."""
    return "postgresql"


@pytest.fixture
async def stage(database_url: str, database: Database, tmp_path: Path, mutant: str) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path, database_url, mutant, database)
    yield stage
    for process in evidence.processes(stage.mark, tmp_path):
        process.kill()


def patience(mutant: str) -> float:
    """Seconds to wait for rest: one of them never comes to it, and that is what it is caught by."""
    return 10 if mutant == "settle_forgets" else PATIENCE


def judge(stage: Stage, crew: Crew, found: set[str], invariant: str) -> None:
    """With a mutation this invariant must be broken, without one nothing may be."""
    if stage.mutant:
        assert invariant in found
    else:
        assert found == set()
        assert crew.findings == []


@pytest.mark.parametrize(("mutant", "invariant"), [(NONE, NONE), ("claim_without_lock", "I2")])
async def test_two_workers_after_the_same_rows(stage: Stage, mutant: str, invariant: str) -> None:
    async with stage.at_work(workers=2) as crew:
        await stage.add(workload.SHORT, 12)
        await evidence.rest(stage.database, patience(mutant))
    judge(stage, crew, await stage.caught(), invariant)


@pytest.mark.parametrize(
    ("mutant", "invariant"),
    [(NONE, NONE), ("fire_without_key_and_lock", "I1"), ("fire_drops_a_row", "I1"), ("settle_forgets", "I6")],
)
async def test_two_schedulers_every_second(stage: Stage, mutant: str, invariant: str) -> None:
    if mutant == "fire_without_key_and_lock":
        await _drop_unique_key(stage.database)
    async with stage.at_work(schedulers=2) as crew:
        await stage.every_second(3)
        await evidence.rest(stage.database, patience(mutant))
    judge(stage, crew, await stage.caught(), invariant)


async def _drop_unique_key(database: Database) -> None:
    async with database.write() as session:
        find = "SELECT conname FROM pg_constraint WHERE conrelid = 'executions'::regclass AND contype = 'u'"
        name = await session.scalar(text(find))
        await session.execute(text(f'ALTER TABLE executions DROP CONSTRAINT "{name}"'))


@pytest.mark.parametrize(
    ("delivery", "mutant", "invariant"),
    [
        ("at_least_once", NONE, NONE),
        ("at_most_once", NONE, NONE),
        ("at_least_once", "runner_without_deadline", "I4"),
        ("at_least_once", "finish_without_token", "I4"),
        ("at_most_once", "reap_starts_again", "I2"),
    ],
)
async def test_a_worker_frozen_beyond_its_lease(stage: Stage, delivery: str, mutant: str, invariant: str) -> None:
    async with stage.at_work(workers=2, slots=1) as crew:
        (execution,) = await stage.add(LENGTHY, delivery=delivery)
        holder, token = await _freeze_holder(stage, crew, execution)
        try:
            await eventually(lambda: _was_lost(stage, execution, token), timeout=PATIENCE)
        except AssertionError:
            pytest.fail(await _told(stage, crew, execution))
        if delivery == "at_least_once":
            await eventually(lambda: _signs(stage, execution, token + 1), timeout=PATIENCE)
        holder.send(signal.SIGCONT)
        await evidence.rest(stage.database, patience(mutant))
    judge(stage, crew, await stage.caught(), invariant)


async def _freeze_holder(stage: Stage, crew: Crew, execution: int) -> tuple[Member, int]:
    """Freeze whoever runs it, amid an attempt; gives them and its token. On a machine that has no time for them a
    worker loses its lease also without us: then it is the next attempt."""
    while True:
        row = await world.execution(stage.database, execution)
        if row.worker_id is None or row.token == 0:
            await pause(0.05)
            continue
        try:
            await eventually(partial(_signs, stage, execution, row.token), timeout=5)
        except AssertionError:
            continue
        holder = await _member(stage, crew, row.worker_id)
        holder.send(signal.SIGSTOP)
        again = await world.execution(stage.database, execution)
        if (again.worker_id, again.token) == (row.worker_id, row.token):
            return holder, row.token
        holder.send(signal.SIGCONT)


def _signs(stage: Stage, execution: int, token: int) -> None:
    attempt = stage.attempts(execution).get(token)
    assert attempt is not None
    assert len(attempt.signs) > 2


async def _was_lost(stage: Stage, execution: int, token: int) -> None:
    lost = (await world.execution(stage.database, execution)).lost_token
    assert lost is not None
    assert lost >= token


async def _told(stage: Stage, crew: Crew, execution: int) -> str:
    """What there is to know where a lease never ends."""
    row = await world.execution(stage.database, execution)
    async with stage.database.read() as session:
        now = await Clock().now(session)
    told = [f"{now}: {row.status}, token {row.token}, lost {row.lost_token}, lease until {row.lease_until}"]
    for member in crew.members:
        state = psutil.Process(member.process.pid).status() if member.alive else "gone"
        told.append(f"{member.name}, {member.starts} starts, {state}:\n{member.tail()}")
    return "\n".join(told)


async def _member(stage: Stage, crew: Crew, worker_id: str) -> Member:
    async with stage.database.read() as session:
        name = await session.scalar(select(world.W.c.name).where(world.W.c.id == worker_id))
    return next(member for member in crew.members if member.name == name)


@pytest.mark.parametrize(
    ("mutant", "invariant"), [(NONE, NONE), ("output_is_cut", "I5"), ("end_leaves_grandchildren", "I8")]
)
async def test_tasks_that_write_much_and_leave_processes_behind(stage: Stage, mutant: str, invariant: str) -> None:
    async with stage.at_work() as crew:
        await stage.add(workload.TALKATIVE, 2)
        await stage.add(workload.LEAVING, 2)
        await evidence.rest(stage.database, patience(mutant))
    judge(stage, crew, await stage.caught(), invariant)


def test_every_mutant_is_tried() -> None:
    tried = Path(__file__).read_text("utf-8")
    assert [name for name in MUTANTS if f'"{name}", "I' not in tried] == []
