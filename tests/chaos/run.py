"""One run: two schedulers, three workers, a workload, faults; then everything is healed and the history checked.

`scripts/chaos` runs it for as long as one likes.
"""

import asyncio
import contextlib
import random
import signal
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url

from common.clock import Clock
from common.db.errors import is_away
from common.db.session import Database, WriteSession
from common.domain.states import ACTIVE, Status
from common.process import pause
from common.services import executions, tasks
from tests.chaos import evidence, faults, workload
from tests.chaos.crew import Crew
from tests.chaos.faults import Fault
from tests.chaos.members import Member
from tests.chaos.workload import Workload
from tests.support.history import Violation
from tests.support.proxy import Mode
from tests.support.servers import Server

E = evidence.E
SCHEDULERS, WORKERS = 2, 3
#: Seconds. Tenths of the defaults, so that a minute sees as many leases end as ten minutes would.
LEASE, HEARTBEAT, DRAIN = 6.0, 1.0, 1.0
#: Seconds from the creation of the tasks to their first instant.
LEAD = 3.0
_SETTINGS = {
    "ROTA_LEASE": str(LEASE),
    "ROTA_HEARTBEAT": str(HEARTBEAT),
    "ROTA_DRAIN_TIMEOUT": str(DRAIN),
}
_MODES = {
    "refuse": Mode.REFUSE,
    "black hole": Mode.BLACK_HOLE,
    "drop reply of COMMIT": Mode.DROP_REPLY_OF_COMMIT,
    "delay": Mode.DELAY,
}


@dataclass
class Report:
    """What a run saw."""

    database: str
    seed: int
    seconds: float
    instants: int = 0
    starts: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    lateness: list[float] = field(default_factory=list)
    healed_after: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    def __str__(self) -> str:
        late = self.lateness or [0.0]
        return "\n".join(
            [
                f"{self.database}, {self.seconds:g} s, ROTA_TEST_SEED={self.seed}",
                f"  {self.instants} instants, {self.starts} starts, at rest {self.healed_after:.1f} s after the end",
                f"  fired late by: median {late[len(late) // 2]:.2f} s, most {late[-1]:.1f} s",
                f"  {self.faults.total()} faults: {_listed(self.faults)}",
                f"  ended: {_listed(self.statuses)}",
                f"  moves: {_listed(self.moves)}",
                f"  {len(self.violations)} violations" + "".join(f"\n    {found}" for found in self.violations[:50]),
            ]
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


@dataclass
class Chaos:
    """The run itself. `server` is the database's, to be killed; None for SQLite."""

    folder: Path
    url: str
    server: Server | None
    seed: int
    seconds: float
    program: tuple[str, ...] = ("rota",)
    _healing: set[asyncio.Task[None]] = field(default_factory=set)
    _requests: dict[str, int] = field(default_factory=dict)
    _ended: bool = False

    async def run(self) -> Report:
        """All of it; raises nothing for what the report can say."""
        self._report = Report(make_url(self.url).get_backend_name(), self.seed, self.seconds)
        self._mark = uuid.uuid4().hex
        self._side = self.folder / "side.log"
        self._side.touch()
        self._crew = Crew(self.folder, self.url, _SETTINGS, self.program)
        database = Database(self.url)
        try:
            async with self._crew.at_work(schedulers=SCHEDULERS, workers=WORKERS):
                await evidence.watch_moves(database)
                work = await workload.create(
                    database, side=self._side, mark=self._mark, seconds=self.seconds, lead=LEAD
                )
                meddler = asyncio.ensure_future(self._meddle(database, work))
                try:
                    await self._break()
                finally:
                    self._ended = True
                    await asyncio.gather(meddler, *self._healing)
                    await self._crew.heal()
                await self._rest(database, work)
            await self._check(database, work)
        finally:
            await database.dispose()
        return self._report

    # --- what goes wrong ---

    async def _break(self) -> None:
        planned = faults.plan(self.seed, seconds=self.seconds + LEAD, network=self.server is not None, lease=LEASE)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for fault in planned:
            await pause(max(0.0, begun + fault.at - loop.time()))
            self._strike(fault)
        await pause(max(0.0, begun + self.seconds + LEAD - loop.time()))

    def _strike(self, fault: Fault) -> None:
        """Do it, unless somebody is at that victim already: then the next one is hit."""
        if fault.kind == "kill server":
            self._begin(fault, self._kill_server(fault.length))
            return
        roles = faults.victims(fault.kind)
        # Two of three faults spare those that come up: on a slow machine nobody would ever work.
        able = [
            member
            for member in self._crew.members
            if member.role in roles and not member.busy and (member.works or (member.alive and fault.victim % 3 == 0))
        ]
        if able:
            self._begin(fault, self._hit(able[fault.victim % len(able)], fault))

    def _begin(self, fault: Fault, work: Awaitable[None]) -> None:
        self._report.faults[fault.kind] += 1
        task = asyncio.ensure_future(work)
        self._healing.add(task)
        task.add_done_callback(self._healing.discard)

    async def _hit(self, member: Member, fault: Fault) -> None:
        member.busy = True
        try:
            match fault.kind.split():
                case ["kill", "runner"]:
                    await self._kill_runner(member)
                case ["kill", _]:
                    member.send(signal.SIGKILL)
                    await member.ended(60)
                    await pause(fault.length)
                case ["freeze", *_]:
                    member.send(signal.SIGSTOP)
                    await pause(fault.length)
                    member.send(signal.SIGCONT)
                case ["stop", _]:
                    await self._crew.stop(member)
                    await pause(fault.length)
                case _:
                    await self._cut(member, fault)
        finally:
            member.busy = False

    async def _kill_runner(self, member: Member) -> None:
        """Its worker is left alone until there is a new one: with both gone nobody can end what was left behind."""
        runner = member.runner()
        if runner is not None:
            with contextlib.suppress(Exception):
                runner.kill()
            await pause(3 * HEARTBEAT)

    async def _cut(self, member: Member, fault: Fault) -> None:
        assert member.proxy is not None
        if fault.kind == "reset":
            member.proxy.reset()
        else:
            await member.proxy.set(_MODES[fault.kind])
        await pause(fault.length)
        await member.proxy.set(Mode.PASS)

    async def _kill_server(self, length: float) -> None:
        assert self.server is not None
        await asyncio.to_thread(self.server.kill)
        await pause(length)
        self.server.launch()
        while not self.server.ready:
            await pause(0.05)

    # --- what people do meanwhile ---

    async def _meddle(self, database: Database, work: Workload) -> None:
        """Run by hand, stop, pause and resume; each until the database has said yes."""
        chance = random.Random(self.seed)
        paused = work.tasks[workload.PAUSED][0]
        while not self._ended:
            await pause(chance.uniform(0.2, 0.8))
            match chance.randrange(4):
                case 0 | 1:
                    request = f"chaos-{len(self._requests)}"
                    self._requests[request] = task = chance.choice(work.ids())
                    await self._insist(database, partial(_run, task=task, request=request))
                case 2:
                    await self._insist(database, partial(_stop_one, number=chance.randrange(1 << 16)))
                case 3:
                    await self._insist(database, partial(_switch, task=paused, on=chance.random() < 0.5))
        await self._insist(database, partial(_switch, task=paused, on=True))

    async def _insist(self, database: Database, work: Callable[[WriteSession], Awaitable[None]]) -> None:
        while True:
            try:
                return await database.transact(work)
            except Exception as error:
                if not is_away(error):
                    raise
            await pause(0.2)

    # --- the end ---

    async def _rest(self, database: Database, work: Workload) -> None:
        """Wait until nothing is due and nothing is active."""
        for request, task in self._requests.items():
            await self._insist(database, partial(_run, task=task, request=request))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await evidence.rest(database)
        self._report.healed_after = loop.time() - begun

    async def _check(self, database: Database, work: Workload) -> None:
        due = work.window.instants()
        report = self._report
        case = evidence.Case(self.folder, self._side, self._mark)
        rows, moves, found = await case.examine(database, dict.fromkeys(work.ids(), due))
        report.violations += self._crew.findings + found
        manual = Counter(row.task_id for row in rows if row.trigger == "manual")
        if manual != Counter(self._requests.values()):
            said = f"{len(self._requests)} runs were asked for, {manual.total()} are there"
            report.violations.append(Violation("manual", said))
        report.instants = len(due) * len(work.ids())
        report.starts = sum(line.startswith("S") for line in self._side.read_text().splitlines())
        report.statuses = Counter(row.status for row in rows)
        report.moves = Counter(f"{source}→{target}" for _, source, target in moves)
        report.moves["late results"] = sum(source == Status.LOST for _, source, _ in moves)
        report.lateness = await evidence.lateness(database)


async def _run(session: WriteSession, *, task: int, request: str) -> None:
    await tasks.run_now(session, task, by="chaos", now=await Clock().now(session), request_id=request)


async def _stop_one(session: WriteSession, *, number: int) -> None:
    active = list(await session.scalars(select(E.c.id).where(E.c.status.in_(sorted(ACTIVE))).order_by(E.c.id)))
    if active:
        now = await Clock().now(session)
        await executions.stop(session, active[number % len(active)], by="chaos", now=now)


async def _switch(session: WriteSession, *, task: int, on: bool) -> None:
    await tasks.set_enabled(session, task, on, now=await Clock().now(session), by="chaos")
