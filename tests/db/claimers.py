"""Workers that claim at the same time: `python -m tests.db.claimers COUNT < URL`, with the executions queued before.

Each prints `<worker> <execution id> <token>` for every claim it has committed, until nothing is left.
"""

import asyncio
import os
import sys

from common.clock import Clock
from common.db.session import Database, WriteSession
from common.queue import claims
from common.queue.claims import Claim
from tests.db.forks import fork_all

#: Different sizes, so that they do not fall into step.
LIMITS = (2, 5, 11, 23)


async def claim_all(url: str, number: int) -> None:
    database = Database(url, pool_size=1)
    clock = Clock()
    worker_id = f"w{number}"

    async def work(session: WriteSession) -> tuple[list[Claim], bool]:
        now = await clock.now(session)
        found = await claims.claim(
            session, worker_id=worker_id, queues=["default"], limit=LIMITS[number % 4], lease=60, now=now
        )
        left = None if found else await claims.next_available(session, queues=["default"])
        return found, left is not None

    more = True
    while more:
        found, left = await database.transact(work)
        os.write(1, "".join(f"{worker_id} {claim.id} {claim.token}\n" for claim in found).encode())
        more = bool(found) or left
    await database.dispose()


if __name__ == "__main__":
    url = sys.stdin.read()
    sys.exit(fork_all(int(sys.argv[1]), lambda number: asyncio.run(claim_all(url, number))))
