"""aiosqlite without its detours. Imported only where SQLite is used.

The driver hands every call to a thread, five for one statement: 190 µs of CPU, where the statement itself takes 20.
What can wait (for the write lock, for the disk) stays in the thread; the rest is done at once. For processes whose
statements are small; where a query may run for long (the web server, the cleaning up) the thread is right.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite

_WAITING = {"commit", "rollback", "close"}


class Connection(aiosqlite.Connection):
    """A connection whose statements run in the event loop's thread, but for those that may wait."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if fn.__name__ in _WAITING or (args and isinstance(args[0], str) and args[0].startswith("BEGIN IMMEDIATE")):
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return fn(*args, **kwargs)


def connection(database: str | Path, **options: Any) -> Connection:
    """What `aiosqlite.connect` gives, to be awaited."""
    # Never used by both threads at once: whoever asked the thread for something waits for it.
    options["check_same_thread"] = False
    made = Connection(lambda: sqlite3.connect(database, **options), 64)
    made._thread.daemon = True
    return made
