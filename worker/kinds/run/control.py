"""Stopping: the work is done in a thread of its own, so that the main thread can end it wherever it waits.

Most drivers wait in C for their server; a signal does not get them out of there. What they wait for is cancelled on the
server instead, from outside: `with control.cancelling(connection.cancel): ...`.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Failure(Exception):
    """The work cannot be done; the text says why, for people."""


class Stopped(Exception):
    """It was told to stop."""


class Control:
    """Between the thread that works and the one that watches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancel: list[Callable[[], None]] = []
        self.stopped = False

    def check(self) -> None:
        """Raise Stopped when it was told to stop; to be called now and then by what waits for nobody."""
        if self.stopped:
            raise Stopped

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Have `cancel` called, in another thread, when it is to stop while this block runs."""
        with self._lock:
            self.check()
            self._cancel.append(cancel)
        try:
            yield
        finally:
            with self._lock:
                self._cancel.remove(cancel)

    def stop(self) -> None:
        """Tell it to stop, and cancel what it waits for."""
        with self._lock:
            self.stopped = True
            cancels = list(self._cancel)
        for cancel in cancels:
            try:
                cancel()
            except Exception as error:
                print(f"cancelling failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
