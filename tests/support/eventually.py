"""Waiting for something to become true: the only place in the tests that sleeps.

The limits are generous: they end a test that has gone wrong and say nothing about how quick anything is.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(check: Callable[[], Awaitable[T]], *, timeout: float = 60, interval: float = 0.02) -> T: ...
@overload
async def eventually(check: Callable[[], T], *, timeout: float = 60, interval: float = 0.02) -> T: ...
async def eventually(check: Callable[[], Awaitable[T] | T], *, timeout: float = 60, interval: float = 0.02) -> T:
    """Run `check` until it raises no AssertionError; gives its result, or raises its last error after `timeout`."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            result = check()
            return await result if inspect.isawaitable(result) else result
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(interval)


def eventually_sync(check: Callable[[], T], *, timeout: float = 60, interval: float = 0.02) -> T:
    """The same for tests without an event loop."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(interval)
