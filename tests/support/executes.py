"""Whether a program runs already: a shell forks first, and is what it was told to be only later."""

from collections.abc import Collection

import psutil


def executes(*command: str, among: Collection[int] | None = None) -> None:
    """Raises AssertionError while no process is this command; `among` these process ids, or of the whole machine."""
    assert any(
        process.info["cmdline"] == list(command) and (among is None or process.pid in among)
        for process in psutil.process_iter(["cmdline"])
    )
