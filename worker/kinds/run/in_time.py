"""Ending what takes too long on the server that does it, whatever its driver is waiting for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from worker.kinds.run.control import Control, Failure


@contextmanager
def in_time(
    what: str, seconds: float | None, control: Control, cancel: Callable[[], None], *, late: float = 0.0
) -> Iterator[None]:
    """Have `cancel` called, in another thread, when this block takes longer than `seconds` or is to stop.

    Raises Failure, which says that `what` took too long, whoever ended it: with `late` more seconds the server itself
    has had its chance. Other errors pass, Stopped in place of those that came of stopping. None = no limit.
    """
    began = time.monotonic()
    over = threading.Event()

    def end() -> None:
        over.set()
        with suppress(Exception):
            cancel()

    timer = threading.Timer((seconds or 0) + late, end)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        with control.cancelling(cancel):
            yield
    except Failure:
        raise
    except Exception:
        if seconds is not None and (over.is_set() or time.monotonic() >= began + seconds):
            raise _too_long(what, seconds) from None
        control.check()
        raise
    finally:
        timer.cancel()
    if over.is_set() and seconds is not None:
        raise _too_long(what, seconds)


def _too_long(what: str, seconds: float) -> Failure:
    return Failure(f"{what} took longer than {seconds:g} s and was cancelled")
