"""Rota with one safeguard taken out: `python -m tests.chaos.mutants NAME scheduler|worker`, in place of `rota`.

What the checker does not find in these it would not find in a real fault either.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.sql import Select

from common.db.session import WriteSession
from common.domain.states import Status
from common.process import pause
from common.queue import claims, leases, waiting
from common.queue.claims import Claim
from common.queue.finish import Result, finish
from common.queue.transitions import E
from scheduler import fire
from worker import record
from worker.runner_client import RunnerClient

#: Seconds between reading and writing, so that others come in between every time and not one time in a thousand.
_BETWEEN = 0.4


def claim_without_lock() -> None:
    """Two workers read the same rows, and both take them."""

    async def claim(
        session: WriteSession,
        *,
        worker_id: str,
        queues: Sequence[str],
        limit: int,
        lease: float,
        now: datetime,
        spawned: bool = False,
        deep: bool = True,
    ) -> list[Claim]:
        queued = select(E.c.id).where(E.c.status == Status.QUEUED, E.c.available_at <= now)
        taken = list(await session.scalars(queued.order_by(E.c.id).limit(limit)))
        if not taken:
            return []
        # One writes when the other has long started what it took.
        await pause(_BETWEEN if os.environ["ROTA_WORKER_NAME"] == "worker0" else 3 * _BETWEEN)
        values = {"worker_id": worker_id, "lease_until": now + timedelta(seconds=lease), "spawned": spawned}
        await session.execute(
            update(E).where(E.c.id.in_(taken)).values(status=Status.RUNNING, token=E.c.token + 1, **values)
        )
        return await claims._load(session, taken)

    claims.claim = claim


def fire_without_key_and_lock() -> None:
    """Two schedulers read the same schedules; the test has dropped the unique key that would refuse the second row."""
    Select.with_for_update = lambda self, **_: self  # type: ignore[method-assign]
    lock_tasks = fire.Fire._lock_tasks

    async def later(self: fire.Fire, session: WriteSession, ids: Sequence[int]) -> Any:
        await pause(_BETWEEN)
        return await lock_tasks(self, session, ids)

    fire.Fire._lock_tasks = later  # type: ignore[method-assign]


def fire_drops_a_row() -> None:
    """One instant of a batch is advanced past and never written down."""
    enqueue = fire.enqueue  # type: ignore[attr-defined]

    async def most(session: WriteSession, rows: Sequence[Any]) -> None:
        await enqueue(session, rows[:-1])

    fire.enqueue = most  # type: ignore[attr-defined]


def settle_forgets() -> None:
    """What waits for an earlier run is never let go."""

    async def promote(session: WriteSession, *, now: datetime, limit: int = 200) -> int:
        return 0

    waiting.promote = promote


def runner_without_deadline() -> None:
    """A task that may run twice goes on although its lease is over."""
    _change_jobs(on_deadline="run_on")


def finish_without_token() -> None:
    """Whoever reports last is believed, whatever attempt that was."""

    async def believing(session: WriteSession, results: Sequence[Result]) -> Any:
        found = await session.execute(select(E.c.id, E.c.token).where(E.c.id.in_([result.id for result in results])))
        current = {row.id: row.token for row in found}
        return await finish(session, [replace(result, token=current[result.id]) for result in results])

    record.finish = believing  # type: ignore[attr-defined]


def reap_starts_again() -> None:
    """What may run only once is given to the next worker like everything else."""
    leases.fate = lambda row, *, may_run_again: Status.QUEUED


def output_is_cut() -> None:
    """The last bytes of long output are lost on the way."""
    ending = record.ending  # type: ignore[attr-defined]

    def shorter(*arguments: Any, **named: Any) -> Any:
        found = ending(*arguments, **named)
        cut = found.result.stdout[: 100_000 - 1]
        return replace(found, result=replace(found.result, stdout=cut))

    record.ending = shorter  # type: ignore[attr-defined]


def end_leaves_grandchildren() -> None:
    """A task is over when its leader is; what that has started runs on."""
    _change_jobs(keep_background=True)


def _change_jobs(**values: Any) -> None:
    start = RunnerClient.start

    def changed(self: RunnerClient, jobs: list[dict[str, Any]]) -> None:
        start(self, [job | values for job in jobs])

    RunnerClient.start = changed  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        claim_without_lock,
        fire_without_key_and_lock,
        fire_drops_a_row,
        settle_forgets,
        runner_without_deadline,
        finish_without_token,
        reap_starts_again,
        output_is_cut,
        end_leaves_grandchildren,
    )
}

if __name__ == "__main__":
    from rota.main import main

    MUTANTS[sys.argv.pop(1)]()
    main()
