"""Imports of a program that runs for months: done as fast, and kept as small, as they can be."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects after which garbage is looked for: Python's own limit comes many times a second where rows pass through.
_OFTEN = 20_000


@contextmanager
def lean() -> Iterator[None]:
    """Import inside: what is made there is taken to stay for as long as the process lives."""
    # structlog takes rich, where it is there, for tracebacks in colour, which our logs do not have: 4 MB a process.
    hidden = "rich" not in sys.modules
    if hidden:
        sys.modules["rich"] = None  # type: ignore[assignment]
    # Modules are not garbage: looking for some among them is a fifth of the time they take.
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(_OFTEN)
        gc.enable()
        if hidden:
            del sys.modules["rich"]
