"""Stopping with proof: the answer names the tree that was there, the signals, and that nothing is left."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil

from common.db.session import WriteSession
from common.domain.states import Status
from common.services import stopping, tasks
from tests.support.eventually import eventually
from tests.support.executes import executes
from tests.worker.rig import Rig


async def stop(rig: Rig, task_id: int, *, wait: float) -> stopping.Stopping:
    async def ask(session: WriteSession, now: datetime) -> Mapping[int, Status]:
        return await tasks.stop(session, task_id, by="tester", now=now)

    return await stopping.stop(rig.database, rig.clock, ask, wait=wait)


async def shown(rig: Rig, execution_id: int, text: str) -> None:
    async def check() -> None:
        assert text in (await rig.text(execution_id))[0]

    await eventually(check)


async def test_the_answer_waits_for_the_end_and_proves_it(rig: Rig) -> None:
    rig.start()
    task_id = await rig.create("setsid sleep 611 & sleep 612 & echo up; wait", retries=3)
    (execution_id,) = await rig.run(task_id)
    await shown(rig, execution_id, "up")
    for seconds in ("611", "612"):
        await eventually(partial(executes, "sleep", seconds))
    seen = await stop(rig, task_id, wait=60)
    (row,) = seen.endings
    assert (row.id, row.status, seen.unfinished) == (execution_id, Status.CANCELLED, [])
    commands = {process["command"] for process in row.proof["tree"]}
    assert {"sleep 611", "sleep 612"} < commands
    assert row.proof["signals"] == [{"signal": "SIGTERM", "processes": 3}]
    assert (row.proof["left"], row.proof["more"]) == (0, 0)
    assert not [pid for process in row.proof["tree"] if psutil.pid_exists(pid := process["pid"])]
    assert (await rig.attempts(execution_id))[0].proof == row.proof


async def test_it_does_not_wait_longer_than_it_was_told(rig: Rig, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    rig.start()
    task_id = await rig.create(f"trap '' TERM; echo up; while test ! -e {gate}; do sleep 0.05; done")
    (execution_id,) = await rig.run(task_id)
    await shown(rig, execution_id, "up")
    seen = await stop(rig, task_id, wait=0)
    assert seen.unfinished == [execution_id]
    assert seen.endings[0].proof is None
    gate.touch()  # it would have its whole grace


async def test_what_a_timeout_ended_is_proven_too_and_what_ended_alone_is_not(rig: Rig) -> None:
    rig.start()
    late = await rig.run_command("sleep 613", timeout=0.3)
    good = await rig.run_command("true")
    await rig.until(late, Status.TIMED_OUT)
    await rig.until(good, Status.SUCCESS)
    proof = (await rig.attempts(late))[0].proof
    assert any("sleep 613" in process["command"] for process in proof["tree"])
    assert proof["left"] == 0
    assert (await rig.attempts(good))[0].proof is None
