"""Claims, starts, heartbeats, ends, losses and stops in any order: each engine does what a model of the rules does.

The model is written from docs/reliability.md, not from the statements under test. What comes in here that no other test
thinks of is the order: results of attempts long replaced, heartbeats of workers that hold nothing, stops between claim
and start.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from common.db.session import Database
from common.domain.states import ACTIVE, TRANSITIONS, Status
from common.queue import cancel, claims, leases
from common.queue.claims import Claim
from common.queue.finish import finish
from tests.support import world
from tests.support.world import A, E, StillClock, T, W

WORKERS = ("wei", "olga")
LEASE = 60.0
T_ = TypeVar("T_")
FATES = (Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED)


@dataclass
class Model:
    """What an execution must be."""

    delivery: str
    status: Status = Status.QUEUED
    token: int = 0
    failures: int = 0
    spawned: bool = False
    worker: str | None = None
    lease: float = 0.0
    lost_token: int | None = None
    cancel: bool = False

    def become(self, status: Status) -> None:
        assert status in TRANSITIONS[self.status], f"{self.status} -> {status}"
        self.status = status

    def holds(self, claim: Claim, worker: str) -> bool:
        return (self.status, self.token, self.worker) == (Status.RUNNING, claim.token, worker)

    def ends(self, claim: Claim, status: Status, *, again: bool) -> bool:
        """A result arrives; gives whether it is stale."""
        given_away = self.status == Status.QUEUED and self.lost_token == self.token
        if claim.token != self.token or given_away:
            return True
        if self.status == Status.RUNNING and again and not self.cancel:
            self.become(Status.QUEUED)
            self.failures += 1
            self.spawned, self.worker = False, None
        elif self.status == Status.RUNNING or (self.status == Status.LOST and status in TRANSITIONS[Status.LOST]):
            self.become(status)
        return False

    def is_lost(self) -> None:
        self.lost_token = self.token
        may_run_again = self.delivery == "at_least_once" and self.token - self.failures <= leases.MAX_LOSSES
        if self.spawned and not may_run_again:
            self.become(Status.LOST)
        elif self.cancel:
            self.become(Status.CANCELLED)
        else:
            self.become(Status.QUEUED)
            self.spawned, self.worker = False, None


class Machine(RuleBasedStateMachine):
    """Two workers and a reaper over one database, and a clock that is moved by hand."""

    url = ""
    attempts: Bundle[tuple[str, Claim]] = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.database = Database(self.url)
        self.clock = StillClock()
        self.models: dict[int, Model] = {}
        self.starts: dict[int, list[int]] = {}

    def do(self, work: Awaitable[T_]) -> T_:
        async def run() -> T_:
            return await work

        return self.runner.run(run())

    def teardown(self) -> None:
        self.do(self._clear())
        self.runner.close()

    async def _clear(self) -> None:
        async with self.database.write() as session:
            for table in (A, E, T, W):
                await session.execute(delete(table))
        await self.database.dispose()

    @initialize()
    def workers(self) -> None:
        for name in WORKERS:
            self.do(world.add_worker(self.database, name, generation=1))
        self.tasks = {
            delivery: self.do(world.add_task(self.database, delivery=delivery, concurrency="allow"))
            for delivery in ("at_most_once", "at_least_once")
        }
        for delivery in self.tasks:
            self.ask(delivery, 2)

    def some(self, status: Status) -> bool:
        return any(model.status == status for model in self.models.values())

    @precondition(lambda self: not self.some(Status.QUEUED))
    @rule(delivery=st.sampled_from(["at_most_once", "at_least_once"]), count=st.integers(1, 2))
    def ask(self, delivery: str, count: int) -> None:
        made = self.do(world.add_executions(self.database, self.tasks[delivery], count))
        self.models |= {id_: Model(delivery) for id_ in made}

    @precondition(lambda self: self.some(Status.QUEUED))
    @rule(target=attempts, worker=st.sampled_from(WORKERS), limit=st.integers(1, 3), spawned=st.booleans())
    def claim(self, worker: str, limit: int, spawned: bool) -> Any:
        given: dict[str, Any] = {"limit": limit, "spawned": spawned, "lease": LEASE, "now": self.clock.instant}
        found = self.do(world.claim(self.database, worker, **given))
        queued = [id_ for id_, model in self.models.items() if model.status == Status.QUEUED]
        assert len(found) == min(limit, len(queued))
        for each in found:
            model = self.models[each.id]
            model.become(Status.RUNNING)
            model.token += 1
            assert each.token == model.token
            model.worker, model.spawned, model.lease = worker, spawned, self.clock.seconds + LEASE
        return multiple(*((worker, each) for each in found))

    @rule(attempt=attempts)
    def start(self, attempt: tuple[str, Claim]) -> None:
        worker, claim = attempt
        model = self.models[claim.id]
        if model.holds(claim, worker) and model.spawned and not self._has_started(claim):
            self.starts.setdefault(claim.id, []).append(claim.token)

    def _has_started(self, claim: Claim) -> bool:
        """The runner starts a key once, whatever it is told."""
        return claim.token in self.starts.get(claim.id, ())

    @rule(attempt=attempts)
    def give_back_what_was_not_started(self, attempt: tuple[str, Claim]) -> None:
        worker, claim = attempt
        if self._has_started(claim):
            return

        async def give() -> bool:
            async with self.database.write() as session:
                await claims.unmark_spawned(session, worker_id=worker, keys=[claim.key])
                now = self.clock.instant
                gone = await leases.abandon(session, worker_id=worker, keys=[claim.key], now=now, error="stopped")
                return gone == [claim.key]

        model = self.models[claim.id]
        mine = model.holds(claim, worker)
        assert self.do(give()) == mine
        if mine:
            model.spawned = False
            model.is_lost()

    @rule(attempt=attempts, status=st.sampled_from(FATES), again=st.booleans())
    def end(self, attempt: tuple[str, Claim], status: Status, again: bool) -> None:
        self._end(attempt, status, again=again)

    @rule(attempt=consumes(attempts), status=st.sampled_from(FATES))
    def end_and_never_again(self, attempt: tuple[str, Claim], status: Status) -> None:
        self._end(attempt, status, again=False)

    def _end(self, attempt: tuple[str, Claim], status: Status, *, again: bool) -> None:
        worker, claim = attempt
        again = again and status in (Status.FAILED, Status.TIMED_OUT)
        retry_at = self.clock.instant if again else None
        result = world.result(claim, status, worker_id=worker, retry_at=retry_at)

        async def record() -> bool:
            async with self.database.write() as session:
                return claim.key in await finish(session, [result])

        assert self.do(record()) == self.models[claim.id].ends(claim, status, again=again)

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(worker=st.sampled_from(WORKERS))
    def heartbeat(self, worker: str) -> None:
        async def renew() -> set[tuple[int, int]]:
            async with self.database.write() as session:
                given: dict[str, Any] = {"worker_id": worker, "generation": 1, "now": self.clock.instant}
                return {held.key for held in await leases.renew(session, lease=LEASE, **given)}

        held = {id_: model for id_, model in self.models.items() if model.worker == worker}
        held = {id_: model for id_, model in held.items() if model.status == Status.RUNNING}
        assert self.do(renew()) == {(id_, model.token) for id_, model in held.items()}
        for model in held.values():
            model.lease = self.clock.seconds + LEASE

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(seconds=st.sampled_from([LEASE + 1, LEASE / 2]))
    def reap(self, seconds: float) -> None:
        self.clock.move(seconds)

        async def take() -> set[tuple[int, int]]:
            async with self.database.write() as session:
                return set(await leases.reap(session, now=self.clock.instant))

        over = {
            id_: model
            for id_, model in self.models.items()
            if model.status == Status.RUNNING and model.lease < self.clock.seconds
        }
        assert self.do(take()) == {(id_, model.token) for id_, model in over.items()}
        for model in over.values():
            model.is_lost()

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[id_]

        async def ask() -> dict[int, Status]:
            async with self.database.write() as session:
                return await cancel.request_stop(session, [E.c.id == id_], by="li", now=self.clock.instant)

        found = self.do(ask())
        assert found == ({id_: model.status} if model.status in ACTIVE else {})
        if model.status == Status.RUNNING:
            model.cancel = True
        elif model.status in ACTIVE:
            model.cancel = True
            model.become(Status.CANCELLED)

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        rows = {row.id: row for row in self.do(world.executions(self.database))}
        assert rows.keys() == self.models.keys()
        for id_, model in self.models.items():
            row = rows[id_]
            assert (row.status, row.token, row.failures) == (model.status, model.token, model.failures), id_
            assert (row.cancel_requested_at is not None) == model.cancel
            if model.status == Status.RUNNING:
                assert (row.worker_id, row.spawned) == (model.worker, model.spawned)
            if model.status == Status.QUEUED:
                assert (row.worker_id, row.spawned) == (None, False)

    @invariant()
    def what_runs_at_most_once_does(self) -> None:
        for id_, tokens in self.starts.items():
            model = self.models[id_]
            assert len(tokens) == len(set(tokens))
            if model.delivery == "at_most_once":
                assert len(tokens) <= 1 + model.failures, id_


def test_any_order_of_events_leaves_what_the_rules_say(database_url: str) -> None:
    machine = type("OnThisEngine", (Machine,), {"url": database_url})
    bounds = settings(
        max_examples=25,
        # What fails is shown as it was found: to make it smaller takes minutes.
        phases=[Phase.generate],
        stateful_step_count=40,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(machine, settings=bounds)
