"""A worker with a real runner, on every database: what is queued runs, and what became of it is recorded."""

import os
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select, update

from common.db.models import Worker, table_of
from common.domain.states import Status
from common.errors import ConfigurationError
from common.queue import leases
from common.queue.transitions import E
from tests.support.eventually import eventually
from tests.worker.rig import Rig
from worker.main import main

W = table_of(Worker)


async def test_it_runs_what_is_queued(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command("echo hello; echo oops >&2"))
    assert (row.status, row.exit_code, row.error, row.token) == (Status.SUCCESS, 0, None, 1)
    assert await rig.text(row.id) == ("hello\n", "oops\n")
    assert row.pid > 0
    assert row.cpu_seconds >= 0
    assert row.scheduled_for <= row.started_at <= row.finished_at
    assert row.worker_name == "tester"


async def test_many_run_each_once(rig: Rig, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ids = await rig.run(await rig.create(f"echo $ROTA_EXECUTION_ID >> {log}"), times=60)
    rig.start(slots=8)
    for execution_id in ids:
        assert (await rig.until(execution_id)).status == Status.SUCCESS
    assert sorted(map(int, log.read_text().split())) == ids


async def test_a_failure_is_tried_again_and_every_attempt_is_kept(rig: Rig) -> None:
    rig.start()
    command = "echo attempt $ROTA_ATTEMPT; test $ROTA_ATTEMPT -eq 3"
    row = await rig.until(await rig.run_command(command, retries=5, retry_delay=0.1, retry_backoff=2))
    assert (row.status, row.token, row.failures) == (Status.SUCCESS, 3, 2)
    first, second, third = await rig.attempts(row.id)
    assert [first.status, second.status, third.status] == [Status.FAILED, Status.FAILED, Status.SUCCESS]
    assert (first.stdout, first.error, first.exit_code) == ("attempt 1\n", "exit code 1", 1)
    assert second.stdout == "attempt 2\n"
    assert (await rig.text(row.id))[0] == "attempt 3\n"
    assert (second.started_at - first.finished_at).total_seconds() >= 0.1
    assert (third.started_at - second.finished_at).total_seconds() >= 0.2


async def test_retries_come_to_an_end(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command("exit 2", retries=1, retry_delay=0))
    assert (row.status, row.error, row.token) == (Status.FAILED, "exit code 2", 2)
    assert len(await rig.attempts(row.id)) == 2


async def test_what_takes_too_long_is_ended(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command("echo begun; sleep 60", timeout=0.5))
    assert (row.status, row.error) == (Status.TIMED_OUT, "timed out after 0.5 s")
    assert await rig.text(row.id) == ("begun\n", "")


async def test_a_program_that_is_not_there_is_a_failure_in_plain_words(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command("true", cwd="/nowhere/at/all"))
    assert (row.status, row.error) == (Status.FAILED, "working directory /nowhere/at/all does not exist")


async def test_stop_ends_it_within_a_moment(rig: Rig) -> None:
    rig.start()
    execution_id = await rig.run_command("sleep 60", retries=3)
    await rig.until(execution_id, Status.RUNNING)
    await rig.request_stop(execution_id)
    row = await rig.until(execution_id, Status.CANCELLED)
    assert row.cancelled_by == "tester"
    assert (row.finished_at - row.cancel_requested_at).total_seconds() < 20


async def test_output_is_seen_while_it_runs(rig: Rig) -> None:
    rig.start()
    execution_id = await rig.run_command("echo first; sleep 60")

    async def seen() -> None:
        assert (await rig.get(execution_id)).status == Status.RUNNING
        assert await rig.text(execution_id) == ("first\n", "")
        assert (await rig.get(execution_id)).pid > 0

    await eventually(seen)
    await rig.request_stop(execution_id)
    await rig.until(execution_id, Status.CANCELLED)
    assert await rig.text(execution_id) == ("first\n", "")
    assert await rig.bytes(execution_id, "o") == b"first\n"


async def test_bytes_that_are_no_text_are_cleaned_for_the_eye_and_exact_in_the_download(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command(r"printf 'a\000b\377c\n'; printf 'fine' >&2"))
    assert await rig.text(row.id) == ("a\u2400b\ufffdc\n", "fine")
    assert await rig.bytes(row.id, "o") == b"a\x00b\xffc\n"
    assert await rig.bytes(row.id, "e") == b"fine"
    assert row.stdout_bytes == 6


async def test_of_long_output_both_ends_are_kept(rig: Rig) -> None:
    rig.start(output_limit=4096)
    row = await rig.until(await rig.run_command("echo begin; head -c 100000 /dev/zero | tr '\\0' x; echo end"))
    text, _ = await rig.text(row.id)
    assert row.stdout_bytes == 100_010
    assert text.startswith("begin\nxxx")
    assert text.endswith("xxxend\n")
    assert "\n… 95,914 bytes left out …\n" in text


async def test_a_task_sees_no_secret_of_the_worker(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_ADMIN_PASSWORD", "hunter22")
    monkeypatch.setenv("SOME_TOKEN", "hunter22")
    rig.start()
    row = await rig.until(await rig.run_command("env; tr '\\0' '\\n' < /proc/$PPID/environ", env={"MINE": "here"}))
    text, _ = await rig.text(row.id)
    assert "MINE=here" in text
    assert "ROTA_TASK_NAME=a task" in text
    assert "hunter22" not in text
    assert "DATABASE_URL" not in text


async def test_limits_reach_the_program_and_the_error_names_the_one_that_ended_it(rig: Rig) -> None:
    rig.start()
    shown = await rig.until(await rig.run_command("ulimit -n; ulimit -d", limits={"files": 77, "memory": "100MiB"}))
    assert (await rig.text(shown.id))[0].split() == ["77", "102400"]
    ended = await rig.until(await rig.run_command("while :; do :; done", limits={"cpu": 1}))
    assert (ended.status, ended.error) == (Status.FAILED, "ended by its CPU limit of 1 s")


async def test_a_user_that_is_not_there_is_a_failure_in_plain_words(rig: Rig) -> None:
    rig.start()
    row = await rig.until(await rig.run_command("id", run_as="no-such-user"))
    assert (row.status, row.error) == (Status.FAILED, "user no-such-user does not exist on this worker's machine")


async def test_it_is_registered_while_it_works_and_says_goodbye(rig: Rig) -> None:
    rig.start(slots=3, queues=["default", "big"])

    async def registered() -> None:
        async with rig.database.read() as session:
            row = (await session.execute(select(W))).one_or_none()
        assert row is not None
        assert (row.name, row.slots, row.queues, row.generation) == ("tester", 3, ["default", "big"], 1)
        assert row.stopped_at is None
        assert row.runner_pid
        assert (psutil.pid_exists(row.runner_pid), row.as_root) == (True, os.geteuid() == 0)
        assert row.limits in ("cgroup", "rlimit")
        assert row.heartbeat_at > row.started_at

    await eventually(registered)
    await rig.finish()
    rig.start()
    await rig.until(await rig.run_command("true"))
    await rig.finish()
    async with rig.database.read() as session:
        row = (await session.execute(select(W))).one()
    assert row.generation == 2
    assert row.stopped_at is not None


async def test_two_workers_of_one_name_refuse_each_other(rig: Rig) -> None:
    rig.start()
    await rig.until(await rig.run_command("true"))
    with pytest.raises(ConfigurationError, match="ROTA_WORKER_NAME"):
        await main(rig.settings())


async def test_a_worker_that_was_replaced_stops(rig: Rig) -> None:
    rig.start()
    await rig.until(await rig.run_command("true"))
    async with rig.database.write() as session:
        await session.execute(update(W).values(generation=W.c.generation + 1))
    task, rig.task = rig.task, None
    assert task is not None
    with pytest.raises(leases.Superseded):
        await task


async def test_what_was_given_up_for_lost_runs_on_and_its_result_is_welcome(rig: Rig, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    rig.start()
    execution_id = await rig.run_command(f"while test ! -e {gate}; do sleep 0.05; done; echo late")
    await rig.until(execution_id, Status.RUNNING)
    await _reap(rig, execution_id)
    await rig.until(execution_id, Status.LOST)
    gate.touch()
    row = await rig.until(execution_id, Status.SUCCESS)
    assert await rig.text(row.id) == ("late\n", "")
    (attempt,) = await rig.attempts(row.id)
    assert attempt.status == Status.SUCCESS


async def test_of_two_attempts_the_first_has_ended_before_the_second_begins(rig: Rig, tmp_path: Path) -> None:
    log = tmp_path / "log"
    rig.start()
    command = (
        f"trap 'sleep 0.3; echo E$ROTA_ATTEMPT >> {log}; exit' TERM; echo S$ROTA_ATTEMPT >> {log};"
        " test $ROTA_ATTEMPT = 2 || sleep 60"
    )
    execution_id = await rig.run_command(command, delivery="at_least_once")

    def begun() -> None:
        assert log.exists()
        assert log.read_text() == "S1\n"

    await eventually(begun)
    await _reap(rig, execution_id)
    await rig.until(execution_id, Status.SUCCESS)
    assert log.read_text() == "S1\nE1\nS2\n"


async def _reap(rig: Rig, execution_id: int) -> None:
    """What the scheduler does when the lease is over; it runs a moment before it is marked as started."""

    async def reaped() -> None:
        async with rig.database.write() as session:
            now = await rig.clock.now(session)
            spawned = [E.c.id == execution_id, E.c.spawned]
            await session.execute(update(E).where(*spawned).values(lease_until=now.replace(year=2020)))
            assert await leases.reap(session, now=now) == [(execution_id, 1)]

    await eventually(reaped)


async def test_what_was_given_to_the_runner_too_early_goes_back_as_if_it_had_never_been_taken(
    rig: Rig, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    rig.start(slots=1)
    for _ in range(3):  # so quick that the worker takes more than its slot
        await rig.until(await rig.run_command("true"))
    waits = f"while ! test -e {gate}; do sleep 0.02; done"
    ids = [await rig.run_command(waits) for _ in range(3)]

    async def given_back() -> None:
        async with rig.database.read() as session:
            rows = (await session.execute(select(E.c.id, E.c.status, E.c.spawned, E.c.worker_id))).all()
        found = {row.id: (row.status, row.spawned, row.worker_id is None) for row in rows if row.id in ids}
        assert sorted(found.values()) == [("queued", False, True)] * 2 + [("running", True, False)]

    await eventually(given_back)
    gate.touch()
    for execution_id in ids:
        row = await rig.until(execution_id)
        assert row.status == Status.SUCCESS
        assert [attempt.status for attempt in await rig.attempts(execution_id)] == ["success"], "and it is no loss"
