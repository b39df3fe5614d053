"""Ends what a killed runner left running, so that its tasks are known to be lost and may safely be started again."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from worker.runner import log, results
from worker.runner.protocol import Key, Message
from worker.runner.spool import Mark
from worker.runner.tree import Census, end_tree, leftovers, shorten

GRACE = 10.0  # seconds, where the spool was damaged and says nothing
ERROR = "the runner was killed while this task ran; what was left of it has been ended"


class Leftovers:
    """The attempts a predecessor began and did not finish. `done` gets the key and the result of each."""

    def __init__(self, name: str, done: Callable[[Key, Message], None]) -> None:
        self._begun: list[Key] = []
        self._census = Census(partial(leftovers, name, self._begun))
        self._done = done
        self._asked = 0.0  # monotonic
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def end(self, marks: list[Mark], *, everything: bool) -> None:
        """Begins to end them; with `everything` also those which no mark tells of, as the marks are gone."""
        if everything:
            marks = [Mark(*key, GRACE, 0.0) for key in self._census.all()]
        self._begun += [(mark.id, mark.token) for mark in marks]
        loop = asyncio.get_running_loop()
        self._asked = time.monotonic()
        for mark in marks:
            self._tasks[mark.id, mark.token] = loop.create_task(self._end(mark))

    def keys(self) -> list[Key]:
        """Returns those which are still being ended."""
        return list(self._tasks)

    def hold(self, execution: int, token: int | None = None) -> bool:
        """Whether an attempt of this execution (this very one, if a token is given) is still being ended."""
        return any(key[0] == execution and token in (None, key[1]) for key in self._tasks)

    async def _end(self, mark: Mark) -> None:
        key = (mark.id, mark.token)
        message = results.empty(key, "lost", ERROR) | {"started_at": mark.begun_at or None}
        message["proof"] = await end_tree(
            partial(self._census.of, key), lambda: None, asked=self._asked, grace=mark.grace, woken=asyncio.Event()
        )
        # Which variables of a dead runner's tasks were secret nobody knows any more: arguments may hold their values.
        shorten(message["proof"], lambda command: command.split(" ", 1)[0])
        log.event("lost", id=mark.id, token=mark.token, ended=bool(message["proof"]))
        del self._tasks[key]
        self._done(key, message)
