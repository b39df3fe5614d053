"""One line per event to stderr. Callers pass ids, pids and reasons; never an environment, never a task's output."""

import os
import select
import time

LINE_LIMIT = 4000  # below PIPE_BUF: such a write is whole and does not block once the pipe says it has room


def event(name: str, **fields: object) -> None:
    """Writes one event; drops it when nobody reads stderr, because a runner must never block on its log."""
    said = " ".join(f"{key}={value!r}" if isinstance(value, str) else f"{key}={value}" for key, value in fields.items())
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = f"{stamp} runner[{os.getpid()}] {name} {said}".encode(errors="replace")[:LINE_LIMIT] + b"\n"
    try:
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        if any(what & select.POLLOUT for _, what in poll.poll(0)):
            os.write(2, line)
    except OSError:
        return
