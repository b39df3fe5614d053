"""Leases and the fence: what a worker that was given up for dead may still do, which is nothing but report in time."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from common.db.session import Database, ReadSession
from common.domain.states import Status
from common.queue import claims, leases
from common.queue.claims import Claim, Key
from common.queue.finish import Result, finish
from common.queue.leases import MAX_LOSSES, Held, Superseded
from common.services import executions
from tests.support import world
from tests.support.interleave import on_servers
from tests.support.world import NOW, after, result
from worker.book import Book, Piece, Wakes
from worker.identity import Identity
from worker.output import Shower


async def reap(database: Database, seconds: float = 61) -> list[Key]:
    async with database.write() as session:
        return await leases.reap(session, now=after(seconds))


async def renew(database: Database, worker_id: str = "wei", seconds: float = 0, generation: int = 1) -> list[Held]:
    async with database.write() as session:
        return await leases.renew(
            session, worker_id=worker_id, generation=generation, lease=60, now=after(seconds), running=1
        )


async def report(database: Database, *results: Result) -> set[Key]:
    async with database.write() as session:
        return await finish(session, results)


async def show_output(database: Database, claim: Claim, worker_id: str = "wei") -> None:
    """The worker writes a piece of live output and the process id of this attempt."""
    piece = Piece(seq=9, stream="o", at=0.1, data=b64encode(b"late").decode())
    shower = Shower(database, world.StillClock(), Identity(worker_id, worker_id, Path()), Book(1, Wakes()))
    async with database.write() as session:
        await shower._write(session, [(*claim.key, 4711)], {claim.key: [piece]}, {claim.key: {"result": {"late": 1}}})


async def queued(database: Database, **task: Any) -> int:
    (id_,) = await world.add_executions(database, await world.add_task(database, **task))
    return id_


class TestTheFence:
    """Wei's lease is over, Zhang has the execution now; then Wei wakes up."""

    @pytest.fixture
    async def old(self, database: Database) -> Claim:
        await queued(database, delivery="at_least_once")
        await world.add_worker(database, "wei")
        await world.add_worker(database, "zhang")
        old = await world.claim_and_spawn(database, "wei")
        assert await reap(database) == [old.key]
        (new,) = await world.claim(database, "zhang", now=after(62))
        assert new.key == (old.id, old.token + 1)
        return old

    async def test_the_old_result_is_stale_and_changes_nothing(self, database: Database, old: Claim) -> None:
        before = await world.execution(database, old.id)
        assert await report(database, result(old)) == {old.key}
        assert await report(database, result(old, Status.FAILED, retry_at=after(90))) == {old.key}
        assert await world.execution(database, old.id) == before
        assert [row.status for row in await world.attempts(database, old.id)] == [Status.LOST]

    async def test_the_old_heartbeat_renews_nothing_and_says_so(self, database: Database, old: Claim) -> None:
        before = await world.execution(database, old.id)
        assert await renew(database, "wei", seconds=70) == []
        assert await world.execution(database, old.id) == before

    async def test_the_old_output_is_not_stored(self, database: Database, old: Claim) -> None:
        before = await world.execution(database, old.id)
        await show_output(database, old)
        assert await world.pieces(database, old.id) == []
        assert await world.execution(database, old.id) == before

    async def test_the_old_claim_may_be_neither_started_nor_given_up_nor_taken_over(
        self, database: Database, old: Claim
    ) -> None:
        before = await world.execution(database, old.id)
        async with database.write() as session:
            await claims.unmark_spawned(session, worker_id="wei", keys=[old.key])
            assert await leases.abandon(session, worker_id="wei", keys=[old.key], now=after(70), error="gone") == []
            assert await claims.load(session, [old.key]) == {}
        assert await world.execution(database, old.id) == before

    async def test_the_new_worker_may_do_all_of_it(self, database: Database, old: Claim) -> None:
        async with database.read() as session:
            new = (await claims.load(session, [(old.id, old.token + 1)]))[old.id, old.token + 1]
        assert [item.key for item in await renew(database, "zhang", seconds=70)] == [new.key]
        assert (await world.execution(database, old.id)).lease_until == after(130)
        await show_output(database, new, "zhang")
        assert [piece.data for piece in await world.pieces(database, old.id)] == [b"late"]
        assert (await world.execution(database, old.id)).pid == 4711
        assert await report(database, result(new, worker_id="zhang")) == set()
        assert (await world.execution(database, old.id)).status == Status.SUCCESS


class TestResults:
    async def test_a_late_result_of_the_current_token_is_taken(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        await reap(database)
        assert (await world.execution(database, id_)).status == Status.LOST
        assert await report(database, result(mine)) == set()
        row = await world.execution(database, id_)
        assert (row.status, row.exit_code, row.stdout, row.error) == (Status.SUCCESS, 0, "hello\n", None)
        assert [attempt.status for attempt in await world.attempts(database, id_)] == [Status.SUCCESS]

    async def test_a_late_failure_is_final_and_not_tried_again(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        await reap(database)
        assert await report(database, result(mine, Status.FAILED, exit_code=3, retry_at=after(90))) == set()
        row = await world.execution(database, id_)
        assert (row.status, row.exit_code) == (Status.FAILED, 3)

    async def test_the_same_result_twice_is_recorded_once(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        await report(database, result(mine))
        before = await world.execution(database, id_)
        assert await report(database, result(mine)) == set()
        assert await world.execution(database, id_) == before
        assert len(await world.attempts(database, id_)) == 1

    async def test_the_same_retry_twice_counts_one_failure(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        failed = result(mine, Status.FAILED, exit_code=1, stdout="no\n", retry_at=after(60))
        assert [await report(database, failed) for _ in range(2)] == [set(), set()]
        row = await world.execution(database, id_)
        assert (row.status, row.failures, row.available_at) == (Status.QUEUED, 1, after(60))
        assert (row.worker_id, row.lease_until, row.spawned) == (None, None, False)
        (attempt,) = await world.attempts(database, id_)
        assert (attempt.token, attempt.status, attempt.stdout) == (1, Status.FAILED, "no\n")

    async def test_what_the_worker_gave_back_uses_up_no_retry(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        await report(database, result(mine, Status.CANCELLED, retry_at=after(1), counts=False))
        row = await world.execution(database, id_)
        assert (row.status, row.failures) == (Status.QUEUED, 0)

    async def test_many_in_one_transaction_each_get_their_own(self, database: Database) -> None:
        ids = await world.add_executions(database, await world.add_task(database), 5)
        mine = await world.claim(database, limit=5)
        ends = [Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.SUCCESS]
        reports = [
            result(claim, status, stdout=f"输出 {claim.id} 🎉\n") for claim, status in zip(mine, ends, strict=True)
        ]
        assert await report(database, *reversed(reports)) == set()
        rows = {row.id: row for row in await world.executions(database)}
        assert [rows[id_].status for id_ in ids] == ends
        assert [rows[id_].stdout for id_ in ids] == [f"输出 {id_} 🎉\n" for id_ in ids]
        assert {row.lease_until for row in rows.values()} == {None}

    async def test_live_output_goes_when_the_result_has_it_all(self, database: Database) -> None:
        await queued(database)
        mine = await world.claim_and_spawn(database)
        await show_output(database, mine)
        await report(database, result(mine))
        assert await world.pieces(database, mine.id) == []

    async def test_live_output_stays_where_it_is_the_only_exact_copy(self, database: Database) -> None:
        await queued(database)
        mine = await world.claim_and_spawn(database)
        await show_output(database, mine)
        await report(database, result(mine, keep_pieces=True))
        assert len(await world.pieces(database, mine.id)) == 1
        async with database.read() as session:
            row = await executions.get(session, mine.id)
            assert await executions.bytes_of(session, row, "o") == b"late"

    async def test_a_result_of_what_does_not_exist_is_stale(self, database: Database) -> None:
        await queued(database)
        mine = await world.claim_and_spawn(database)
        async with database.write() as session:
            await session.execute(world.E.delete())
        assert await report(database, result(mine)) == {mine.key}


class TestReaping:
    async def test_a_lease_that_is_not_over_is_left_alone(self, database: Database) -> None:
        await queued(database)
        await world.claim_and_spawn(database)
        assert await reap(database, seconds=60) == []

    async def test_what_may_have_been_started_is_lost(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        assert await reap(database) == [mine.key]
        row = await world.execution(database, id_)
        assert (row.status, row.token, row.lost_token, row.worker_id) == (Status.LOST, 1, 1, "wei")
        assert (row.finished_at, row.lease_until) == (after(61), None)
        assert row.error == "no sign of life from worker wei"

    async def test_what_was_never_started_is_queued_again(self, database: Database) -> None:
        id_ = await queued(database)
        await world.claim(database)
        assert len(await reap(database)) == 1
        row = await world.execution(database, id_)
        assert (row.status, row.token, row.lost_token, row.worker_id) == (Status.QUEUED, 1, 1, None)
        assert (row.available_at, row.lease_until) == (after(61), None)
        assert await world.attempts(database, id_) == []

    async def test_what_may_run_twice_is_queued_again_but_not_for_ever(self, database: Database) -> None:
        id_ = await queued(database, delivery="at_least_once")
        found = []
        for round_ in range(MAX_LOSSES + 1):
            now = after(round_ * 100)
            await world.claim_and_spawn(database, now=now)
            await reap(database, seconds=round_ * 100 + 61)
            found.append((await world.execution(database, id_)).status)
        assert found == [Status.QUEUED] * MAX_LOSSES + [Status.LOST]
        assert [row.token for row in await world.attempts(database, id_)] == list(range(1, MAX_LOSSES + 2))

    async def test_failures_do_not_count_as_losses(self, database: Database) -> None:
        id_ = await queued(database, delivery="at_least_once")
        for round_ in range(MAX_LOSSES + 2):
            mine = await world.claim_and_spawn(database, now=after(round_ * 100))
            await report(database, result(mine, Status.FAILED, retry_at=after(round_ * 100 + 1)))
        await world.claim_and_spawn(database, now=after(5000))
        await reap(database, seconds=5061)
        assert (await world.execution(database, id_)).status == Status.QUEUED

    @pytest.mark.parametrize("delivery", ["at_most_once", "at_least_once"])
    async def test_what_somebody_stopped_before_it_started_is_cancelled(
        self, database: Database, delivery: str
    ) -> None:
        id_ = await queued(database, delivery=delivery)
        await world.claim(database)
        async with database.write() as session:
            await executions.stop(session, id_, by="li", now=after(1))
        assert len(await reap(database)) == 1
        row = await world.execution(database, id_)
        assert (row.status, row.cancelled_by, row.finished_at) == (Status.CANCELLED, "li", after(61))

    async def test_what_somebody_stopped_while_it_ran_is_not_run_again(self, database: Database) -> None:
        id_ = await queued(database, delivery="at_least_once")
        await world.claim_and_spawn(database)
        async with database.write() as session:
            await executions.stop(session, id_, by="li", now=after(1))
        await reap(database)
        assert (await world.execution(database, id_)).status == Status.CANCELLED

    async def test_no_more_than_the_limit_are_taken_at_once(self, database: Database) -> None:
        await world.add_executions(database, await world.add_task(database), 5)
        await world.claim(database, limit=5)
        async with database.write() as session:
            assert len(await leases.reap(session, now=after(61), limit=3)) == 3
        assert len(await reap(database)) == 2


class TestGivingUp:
    async def test_a_worker_gives_up_its_own_and_says_why(self, database: Database) -> None:
        id_ = await queued(database)
        mine = await world.claim_and_spawn(database)
        async with database.write() as session:
            given = await leases.abandon(session, worker_id="wei", keys=[mine.key], now=after(5), error="restarted")
        assert given == [mine.key]
        row = await world.execution(database, id_)
        assert (row.status, row.error) == (Status.LOST, "restarted")

    async def test_it_cannot_give_up_an_old_token(self, database: Database) -> None:
        await queued(database)
        mine = await world.claim(database)
        key = (mine[0].id, mine[0].token - 1)
        async with database.write() as session:
            assert await leases.abandon(session, worker_id="wei", keys=[key], now=after(5), error="x") == []


class TestRenewing:
    async def test_every_lease_of_the_worker_is_renewed_and_no_other(self, database: Database) -> None:
        await world.add_worker(database)
        ids = await world.add_executions(database, await world.add_task(database), 3)
        await world.claim(database, limit=2)
        await world.claim(database, "zhang")
        assert [item.id for item in await renew(database, seconds=30)] == ids[:2]
        until = [(await world.execution(database, id_)).lease_until for id_ in ids]
        assert until == [after(90), after(90), after(60)]

    async def test_it_carries_the_wish_to_stop_home(self, database: Database) -> None:
        await world.add_worker(database)
        id_ = await queued(database)
        await world.claim_and_spawn(database)
        assert [(item.cancel_requested, item.spawned) for item in await renew(database)] == [(False, True)]
        async with database.write() as session:
            await executions.stop(session, id_, by="li", now=after(1))
        assert [item.cancel_requested for item in await renew(database)] == [True]

    async def test_an_older_process_of_the_same_worker_is_told_to_stop(self, database: Database) -> None:
        await world.add_worker(database, generation=2)
        await queued(database)
        mine = await world.claim_and_spawn(database)
        with pytest.raises(Superseded):
            await renew(database, seconds=30, generation=1)
        assert (await world.execution(database, mine.id)).lease_until == after(60)

    async def test_the_same_heartbeat_twice_is_not_taken_for_a_loss(self, database: Database) -> None:
        await world.add_worker(database)
        await queued(database)
        await world.claim_and_spawn(database)
        assert await renew(database, seconds=5) == await renew(database, seconds=5)

    @on_servers
    async def test_what_is_taken_away_in_the_middle_of_it_is_not_reported_as_held(
        self, database: Database, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.add_worker(database)
        await queued(database, delivery="at_least_once")
        await world.claim_and_spawn(database)
        held = leases.held
        reaped: list[Key] = []

        async def then_reaped(session: ReadSession, *, worker_id: str) -> list[Held]:
            found = await held(session, worker_id=worker_id)
            if not reaped:
                reaped.extend(await reap(elsewhere))
                await world.claim(elsewhere, "wei", now=after(62))
            return found

        monkeypatch.setattr(leases, "held", then_reaped)
        assert [item.key for item in await renew(database, seconds=62)] == [(reaped[0][0], reaped[0][1] + 1)]


async def test_a_worker_is_told_only_of_what_it_runs(database: Database) -> None:
    ids = await world.add_executions(database, await world.add_task(database), 3)
    await world.claim(database, limit=2)
    async with database.read() as session:
        assert [item.key for item in await leases.held(session, worker_id="wei")] == [(ids[0], 1), (ids[1], 1)]
        assert await leases.held(session, worker_id="zhang") == []


async def test_only_a_lease_that_is_over_opens_a_write_transaction(database: Database) -> None:
    await queued(database)
    await world.claim(database)
    async with database.read() as session:
        assert not await leases.any_lapsed(session, now=after(60))
        assert await leases.any_lapsed(session, now=after(61))
        assert not await leases.any_lapsed(session, now=NOW)
