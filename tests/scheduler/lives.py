"""Schedulers killed between two statements, again and again: `python -m tests.scheduler.lives LIVES < SETTINGS`.

SETTINGS are those of Rota as JSON, in one line. Two schedulers run side by side. Each life ends with kill -9 before
the n-th statement or commit, n by chance; in three of four lives only those of firing count. When LIVES are used up two
run on unharmed, `healed` is printed, and they are stopped when standard input ends. `killed <statement>` is printed for
every death.
"""

import asyncio
import json
import logging
import os
import random
import select
import signal
import sys
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, event

from common.config import Settings
from scheduler.main import main

SIDE_BY_SIDE = 2
#: A start takes some twenty statements of all kinds; a fire takes eight.
ANY, FIRING = range(5, 50), range(1, 17)


def _kill_before(count: int, *, firing: bool) -> None:
    """End this process like a power cut when it is about to send statement number `count`; commits count too."""
    left = count

    def step(connection: Connection, what: str) -> None:
        nonlocal left
        if what.startswith("SELECT schedules.id, schedules.task_id"):
            connection.info["firing"] = True
        if firing and not connection.info.get("firing"):
            return
        left -= 1
        if left == 0:
            os.write(1, f"killed {what[:60]}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(Engine, "before_cursor_execute")
    def _statement(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        step(connection, " ".join(statement.split()))

    @event.listens_for(Engine, "commit")
    def _commit(connection: Connection) -> None:
        step(connection, "COMMIT")
        connection.info.pop("firing", None)


def _live(settings: Settings, statements: int | None = None, *, firing: bool = False) -> int:
    """A new scheduler; gives its process id."""
    child = os.fork()
    if child:
        return child
    # Asked to stop before main has its own handler: that is a good end too.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if statements is not None:
        _kill_before(statements, firing=firing)
    try:
        asyncio.run(main(settings))
    except BaseException as error:
        os.write(2, f"scheduler failed: {error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def _next_death(running: set[int]) -> tuple[int, int]:
    """Wait for one of them to end; all end when standard input does: the test is gone."""
    while True:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            return child, status
        if select.select([sys.stdin], [], [], 0.02)[0]:
            for left in running:
                os.kill(left, signal.SIGKILL)
            os._exit(1)


def run(settings: Settings, lives: int) -> int:
    """See above; gives how many ended in another way than they should."""
    chance = random.Random(os.environ.get("ROTA_TEST_SEED"))
    unexpected = 0
    running: set[int] = set()
    while lives or running:
        while lives and len(running) < SIDE_BY_SIDE:
            firing = lives % 4 > 0
            running.add(_live(settings, chance.choice(FIRING if firing else ANY), firing=firing))
            lives -= 1
        child, status = _next_death(running)
        running.discard(child)
        unexpected += not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL
    survivors = [_live(settings) for _ in range(SIDE_BY_SIDE)]
    os.write(1, b"healed\n")
    sys.stdin.read()
    for child in survivors:
        os.kill(child, signal.SIGTERM)
    return unexpected + sum(os.waitpid(child, 0)[1] != 0 for child in survivors)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sys.exit(run(Settings(**json.loads(sys.stdin.readline())), int(sys.argv[1])))
