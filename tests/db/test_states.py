"""The table of moves is what the database does: every other move is refused, by the statement or by its guard."""

from itertools import product
from typing import Any

import pytest

from common.db.session import Database
from common.domain.states import ACTIVE, FINAL, TRANSITIONS, Status
from common.queue import cancel, claims, leases, waiting
from common.queue.finish import finish
from common.queue.transitions import E, move, settle_each
from common.services import executions
from tests.support import world
from tests.support.world import NOW, after, result

REACHABLE = sorted(frozenset[Status]().union(*TRANSITIONS.values()))
REPORTED = (Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED)


async def one_of_each(database: Database) -> dict[Status, int]:
    """An execution in every state, all claimed once, with a lease that is over."""
    task = await world.add_task(database)
    found = {}
    for status in Status:
        values: dict[str, Any] = {
            "status": status,
            "token": 1,
            "worker_id": "wei",
            "lease_until": after(-1),
            "spawned": True,
        }
        (found[status],) = await world.add_executions(database, task, **values)
    return found


async def states(database: Database, ids: dict[Status, int]) -> dict[Status, str]:
    rows = {row.id: row.status for row in await world.executions(database)}
    return {status: rows[id_] for status, id_ in ids.items()}


def moved(**changes: Status) -> dict[Status, Status]:
    """Every state as it was, but for these."""
    return {status: changes.get(status.value, status) for status in Status}


async def test_a_guarded_move_takes_only_rows_that_may_go_there(database: Database) -> None:
    for to in REACHABLE:
        ids = await one_of_each(database)
        allowed = [status for status in Status if to in TRANSITIONS[status]]
        async with database.write() as session:
            changed = await session.execute(move(to, origin=allowed, where=[E.c.id.in_(ids.values())]))
            assert changed.rowcount == len(allowed)  # type: ignore[attr-defined]
        assert await states(database, ids) == {status: to if status in allowed else status for status in Status}


async def test_settling_row_by_row_is_guarded_in_the_same_way(database: Database) -> None:
    for to in REACHABLE:
        ids = await one_of_each(database)
        async with database.write() as session:
            await settle_each(session, to, [{"row_id": id_, "row_token": 1} for id_ in ids.values()])
        expected = {status: to if to in TRANSITIONS[status] else status for status in Status}
        assert await states(database, ids) == expected


async def test_settling_with_another_token_changes_nothing(database: Database) -> None:
    ids = await one_of_each(database)
    async with database.write() as session:
        await settle_each(session, Status.SUCCESS, [{"row_id": id_, "row_token": 2} for id_ in ids.values()])
    assert await states(database, ids) == moved()


async def test_a_claim_takes_what_is_queued_and_nothing_else(database: Database) -> None:
    ids = await one_of_each(database)
    assert [claim.id for claim in await world.claim(database, limit=100)] == [ids[Status.QUEUED]]
    assert await states(database, ids) == moved(queued=Status.RUNNING)


async def test_a_stop_cancels_what_has_not_begun_and_marks_what_runs(database: Database) -> None:
    ids = await one_of_each(database)
    async with database.write() as session:
        found = await cancel.request_stop(session, [E.c.id.in_(ids.values())], by="li", now=NOW)
    assert found == {ids[status]: status for status in ACTIVE}
    assert await states(database, ids) == moved(waiting=Status.CANCELLED, queued=Status.CANCELLED)
    marked = {row.status for row in await world.executions(database) if row.cancel_requested_at is not None}
    assert marked == {Status.RUNNING, Status.CANCELLED}


async def test_stopping_it_twice_keeps_the_first_name_and_time(database: Database) -> None:
    ids = await one_of_each(database)
    for by, now in (("li", after(1)), ("zhao", after(2))):
        async with database.write() as session:
            assert await executions.stop(session, ids[Status.RUNNING], by=by, now=now) == Status.RUNNING
    row = await world.execution(database, ids[Status.RUNNING])
    assert (row.cancelled_by, row.cancel_requested_at) == ("li", after(1))


async def test_a_stop_of_what_has_ended_changes_nothing(database: Database) -> None:
    ids = await one_of_each(database)
    before = await world.executions(database)
    for status in FINAL:
        async with database.write() as session:
            assert await executions.stop(session, ids[status], by="li", now=NOW) is None
    assert await world.executions(database) == before


async def test_a_pause_skips_what_the_schedule_queued_and_nobody_began(database: Database) -> None:
    task = await world.add_task(database)
    cases = list(product(Status, ("schedule", "manual"), (0, 1)))
    ids = []
    for status, trigger, token in cases:
        ids += await world.add_executions(database, task, status=status, trigger=trigger, token=token)
    async with database.write() as session:
        await cancel.skip_queued(session, task_ids=[task], reason="paused", now=NOW)
    for id_, (status, trigger, token) in zip(ids, cases, strict=True):
        untouched = status in (Status.QUEUED, Status.WAITING) and trigger == "schedule" and token == 0
        row = await world.execution(database, id_)
        assert (row.status, row.reason) == ((Status.SKIPPED, "paused") if untouched else (status, ""))


async def test_the_reaper_takes_what_runs_and_nothing_else(database: Database) -> None:
    ids = await one_of_each(database)
    async with database.write() as session:
        assert await leases.reap(session, now=NOW) == [(ids[Status.RUNNING], 1)]
    assert await states(database, ids) == moved(running=Status.LOST)


async def test_a_promotion_takes_what_waits_and_nothing_else(database: Database) -> None:
    ids = await one_of_each(database)
    async with database.write() as session:
        await session.execute(E.delete().where(E.c.status.in_([Status.QUEUED, Status.RUNNING])))
        assert await waiting.promote(session, now=NOW) == 1
    rows = {row.id: row.status for row in await world.executions(database)}
    assert rows.pop(ids[Status.WAITING]) == Status.QUEUED
    assert rows == {ids[status]: status for status in FINAL}


async def test_a_result_changes_what_runs_and_what_was_lost_and_nothing_else(database: Database) -> None:
    for to in REPORTED:
        ids = await one_of_each(database)
        async with database.read() as session:
            held = await claims.load(session, [(id_, 1) for id_ in ids.values()])
        async with database.write() as session:
            await finish(session, [result(claim, to) for claim in held.values()])
        lost = to if to in TRANSITIONS[Status.LOST] else Status.LOST
        assert await states(database, ids) == moved(running=to, lost=lost)


def test_a_move_the_table_does_not_allow_cannot_even_be_written() -> None:
    for source, to in product(Status, Status):
        if to not in TRANSITIONS[source]:
            with pytest.raises(ValueError, match="is not a transition"):
                move(to, origin=[source], where=[])
