"""Workers and runners that are killed, databases that go away, workers that are told to stop."""

import asyncio
import shlex
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError

from common.clock import Clock
from common.db.models import ExecutionOutput, Worker, table_of
from common.db.session import WriteSession
from common.domain.states import FINAL, Status
from common.queue.claims import Key
from common.queue.finish import Result, finish
from common.queue.transitions import E
from common.security.encryption import Keyring
from tests.support.eventually import eventually
from tests.worker.rig import Rig, interrupt
from tests.worker.runner.client import daemon
from worker.book import Book, Wakes
from worker.claim import Claimer
from worker.identity import acquired
from worker.runner import procfs
from worker.runner.place import connect
from worker.runner_client import RunnerClient

W = table_of(Worker)
P = table_of(ExecutionOutput)


async def statuses(rig: Rig) -> dict[str, int]:
    async with rig.database.read() as session:
        rows = await session.execute(select(E.c.status, func.count()).group_by(E.c.status))
        return {row[0]: row[1] for row in rows}


async def until_all_ended(rig: Rig, timeout: float = 90) -> dict[str, int]:
    async def check() -> dict[str, int]:
        found = await statuses(rig)
        assert set(found) <= set(FINAL), found
        return found

    return await eventually(check, timeout=timeout)


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.process
async def test_killed_amid_its_work_and_started_again_it_loses_nothing(rig: Rig, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ids = await rig.run(await rig.create(f"sleep 0.3; echo $ROTA_EXECUTION_ID >> {log}; echo done"), times=50)
    rig.spawn(slots=8)

    def some_ended() -> None:
        assert len(lines(log)) >= 10

    await eventually(some_ended)
    rig.kill()
    rig.start(slots=8)
    found = await until_all_ended(rig)
    # What was claimed but not yet handed over when it was killed may be lost; it was never run.
    assert found["success"] + found.get("lost", 0) == 50
    assert found.get("lost", 0) <= 8
    assert len(lines(log)) == len(set(lines(log))) == found["success"]
    for execution_id in ids:
        row = await rig.get(execution_id)
        if row.status == Status.SUCCESS:
            assert await rig.text(execution_id) == ("done\n", "")


@pytest.mark.process
async def test_what_ran_while_the_worker_was_away_is_taken_over(rig: Rig, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = f"echo begun; while test ! -e {gate}; do sleep 0.05; done; echo ended"
    rig.spawn()
    execution_id = await rig.run_command(wait)
    await rig.until(execution_id, Status.RUNNING)

    async def started() -> None:
        assert (await rig.get(execution_id)).pid

    await eventually(started)
    rig.kill()
    gate.touch()
    rig.start()
    row = await rig.until(execution_id)
    assert (row.status, row.token) == (Status.SUCCESS, 1)
    assert await rig.text(execution_id) == ("begun\nended\n", "")


@pytest.mark.process
@pytest.mark.parametrize(
    ("delivery", "status", "tokens"), [("at_most_once", Status.LOST, "1"), ("at_least_once", Status.SUCCESS, "12")]
)
async def test_worker_and_runner_killed_together(
    rig: Rig, tmp_path: Path, delivery: str, status: Status, tokens: str
) -> None:
    log = tmp_path / "log"
    command = f"echo $ROTA_ATTEMPT >> {log}; test $ROTA_ATTEMPT = 2 || sleep 60"
    execution_id = await rig.run_command(command, delivery=delivery)
    process = rig.spawn()

    def begun() -> None:
        assert lines(log) == ["1"]

    await eventually(begun)
    (runner,) = process.children()
    rig.kill()
    runner.kill()
    # No scheduler is at work here: what is found now is found by the successor, and not because a lease was over.
    rig.start()
    row = await rig.until(execution_id, status)
    assert "".join(lines(log)) == tokens
    first = (await rig.attempts(row.id))[0]
    assert first.status == Status.LOST
    assert "runner was killed" in first.error


@pytest.mark.process
async def test_no_daemon_outlives_its_worker_and_runner(rig: Rig, tmp_path: Path) -> None:
    """Three generations deep, in a session of its own, without pipes and without any of our environment; init's child
    by now. How long it lives on is measured, not asserted: that nobody waits is told by the signals and by the CPU."""
    path = tmp_path / "daemon.pid"
    execution_id = await rig.run_command(shlex.join(daemon(path, clean=True, stays=True)))
    process = rig.spawn()

    def begun() -> psutil.Process:
        assert lines(path)
        found = psutil.Process(int(path.read_text()))
        assert found.name() == "sleep"
        return found

    hidden = await eventually(begun)
    (runner,) = process.children()
    rig.kill()
    runner.kill()
    await eventually(lambda: _is(hidden.ppid() != runner.pid))
    assert (hidden.is_running(), hidden.environ()) == (True, {})

    process = rig.spawn()
    (successor,) = await eventually(lambda: _listening(rig, process))
    ready = time.monotonic()
    await eventually(lambda: _is(procfs.look(hidden.pid) is None), interval=0.01)
    took, cpu = time.monotonic() - ready, sum(successor.cpu_times()[:2])
    print(f"gone {took:.3f} s after the new runner was there, which has used {cpu:.3f} s of CPU")
    assert cpu < 1

    await rig.until(execution_id)
    proof = (await rig.attempts(execution_id))[0].proof
    assert [each["signal"] for each in proof["signals"]] == ["SIGTERM"]
    assert hidden.pid in {each["pid"] for each in proof["tree"]}
    assert proof["left"] == 0


def _is(true: bool) -> None:
    assert true


def _listening(rig: Rig, worker: psutil.Process) -> list[psutil.Process]:
    """The worker's runner, once it has taken up what its predecessor left."""
    try:
        connect(rig.folder / "workers" / "tester" / "runner").close()
    except OSError as error:
        raise AssertionError("no runner listens yet") from error
    return worker.children()


async def test_a_runner_that_is_killed_is_replaced(rig: Rig) -> None:
    rig.start()
    first = await rig.run_command("sleep 60")
    await rig.until(first, Status.RUNNING)

    def runner() -> psutil.Process:
        alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        (found,) = [child for child in alive if any(str(rig.folder) in part for part in child.cmdline())]
        assert found.children()
        return found

    (await eventually(runner)).kill()
    assert (await rig.until(first)).status == Status.LOST
    assert (await rig.until(await rig.run_command("echo on"))).status == Status.SUCCESS


async def test_what_the_runner_never_heard_of_is_given_up_at_once(rig: Rig) -> None:
    """A worker died between claim and start: one row was not marked as spawned, the other was."""
    rig.start()
    await rig.until(await rig.run_command("true"))
    await rig.finish()
    task = await rig.create("echo ran")
    unmarked, marked = await rig.run(task, times=2)
    async with rig.database.write() as session:
        now = await rig.clock.now(session)
        (own,) = (await session.scalars(select(W.c.id))).all()
        for execution_id, spawned in ((unmarked, False), (marked, True)):
            held = {"status": "running", "token": 1, "worker_id": own, "spawned": spawned, "lease_until": now}
            await session.execute(E.update().where(E.c.id == execution_id).values(started_at=now, **held))
    rig.start()
    assert (await rig.until(unmarked)).status == Status.SUCCESS
    row = await rig.until(marked)
    assert row.status == Status.LOST
    assert "does not know this execution" in row.error


@pytest.mark.process
async def test_what_never_came_to_a_runner_that_lives_is_given_to_others(rig: Rig) -> None:
    """A worker died when its claim was committed and not yet sent: the runner knows best that it did not start it."""
    rig.spawn()
    await rig.until(await rig.run_command("true"))
    rig.kill()
    (claimed,) = await rig.run(await rig.create("echo ran"))
    async with rig.database.write() as session:
        now = await rig.clock.now(session)
        (own,) = (await session.scalars(select(W.c.id))).all()
        held = {"status": "running", "token": 1, "worker_id": own, "spawned": True, "lease_until": now}
        await session.execute(E.update().where(E.c.id == claimed).values(started_at=now, **held))
    rig.spawn()
    row = await rig.until(claimed)
    assert (row.status, row.token, row.failures) == (Status.SUCCESS, 2, 0)


async def test_told_to_stop_it_waits_for_what_runs_and_claims_no_more(rig: Rig, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    rig.start(drain_timeout=120)
    running = await rig.run_command(f"while test ! -e {gate}; do sleep 0.05; done; echo done")
    await rig.until(running, Status.RUNNING)
    rig.stop.set()

    async def draining() -> None:
        async with rig.database.read() as session:
            assert await session.scalar(select(W.c.draining))

    await eventually(draining)
    late = await rig.run_command("true")
    gate.touch()
    await rig.finish()
    assert (await rig.get(running)).status == Status.SUCCESS
    assert (await rig.get(late)).status == Status.QUEUED
    assert await rig.text(running) == ("done\n", "")


async def test_what_does_not_end_in_time_is_interrupted(rig: Rig, tmp_path: Path) -> None:
    log = tmp_path / "log"
    rig.start(drain_timeout=0.2)
    once = await rig.run_command(f"echo some; echo once >> {log}; sleep 60")
    again = await rig.run_command(f"echo again >> {log}; sleep 60", delivery="at_least_once")

    def begun() -> None:
        assert len(lines(log)) == 2

    await eventually(begun)
    await rig.finish()
    row = await rig.get(once)
    assert (row.status, row.error) == (Status.CANCELLED, "interrupted: the worker was stopped")
    assert await rig.text(once) == ("some\n", "")
    row = await rig.get(again)
    assert (row.status, row.failures, row.spawned) == (Status.QUEUED, 0, False)


@pytest.mark.process
async def test_the_second_signal_stops_it_at_once(rig: Rig) -> None:
    process = rig.spawn(drain_timeout=60)
    execution_id = await rig.run_command("sleep 60")
    await rig.until(execution_id, Status.RUNNING)
    interrupt(process)

    async def draining() -> None:
        async with rig.database.read() as session:
            assert await session.scalar(select(W.c.draining))

    await eventually(draining)
    interrupt(process)
    assert await rig.wait_process() == 0
    assert (await rig.get(execution_id)).status == Status.CANCELLED


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_connections_that_are_cut_lose_nothing(rig: Rig, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ids = await rig.run(await rig.create(f"sleep 0.05; echo $ROTA_EXECUTION_ID >> {log}; echo out"), times=150)
    rig.start(slots=8)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def cut_now_and_then() -> None:
        async with rig.database.read() as session:
            await session.execute(text(cut))
        assert len(lines(log)) >= 140

    await eventually(cut_now_and_then, interval=0.5, timeout=120)
    await until_all_ended(rig)
    assert await statuses(rig) == {"success": 150}
    assert sorted(map(int, lines(log))) == ids


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_database_that_is_locked_for_a_while_loses_nothing(rig: Rig) -> None:
    rig.start()
    await rig.until(await rig.run_command("true"))
    execution_id = await rig.run_command("sleep 0.3; echo out")
    await rig.until(execution_id, Status.RUNNING)
    path = make_url(rig.url).database or ""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # In a thread: the lock may be held by the worker, who needs this one to give it back.
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    released = asyncio.get_running_loop().call_later(1.5, other.execute, "ROLLBACK")
    row = await rig.until(execution_id)
    released.cancel()
    other.close()
    assert (row.status, await rig.text(execution_id)) == (Status.SUCCESS, ("out\n", ""))


async def test_live_pieces_go_when_the_text_is_there(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command("echo one; sleep 1.3; echo two"))
    assert await rig.text(row.id) == ("one\ntwo\n", "")
    async with rig.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(P)) == 0


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_result_the_database_refuses_holds_up_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def picky(session: WriteSession, results: Sequence[Result]) -> set[Key]:
        if any("poison" in result.stdout for result in results):
            raise DataError("INSERT", {}, ValueError("too long"))
        return await finish(session, results)

    monkeypatch.setattr("worker.record.finish", picky)
    bad = await rig.run_command("echo poison")
    good = await rig.run_command("echo fine")
    rig.start()
    assert (await rig.until(good)).status == Status.SUCCESS
    row = await rig.until(bad)
    assert (row.status, row.exit_code) == (Status.SUCCESS, 0)
    assert row.error == "its output could not be stored: ValueError"
    assert row.stdout_bytes == 7


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_with_a_full_disk_nothing_more_is_claimed(rig: Rig) -> None:
    settings = rig.settings()
    clock = Clock()
    book = Book(settings.slots, Wakes())
    runner = RunnerClient(rig.folder, "x", {}, book, clock)
    with acquired(settings) as own:
        claimer = Claimer(rig.database, clock, settings, own, book, runner, {}, Keyring(settings))
        execution_id = await rig.run_command("true")
        runner.ready, runner.full = True, True
        await claimer.tick()
        assert (await rig.get(execution_id)).status == Status.QUEUED
        runner.full = False
        await claimer.tick()
        assert (await rig.get(execution_id)).status == Status.RUNNING
