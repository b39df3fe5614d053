"""How long to wait before the next attempt of an execution."""

import hashlib
import math
from typing import Literal

MAX_DELAY = 86_400.0
# Jitter only ever adds: a task is never tried earlier than its settings say.
JITTER_SHARE = 0.1

Backoff = float | Literal["none", "linear", "exponential"]


def delay(*, attempt: int, base: float, backoff: Backoff, cap: float = MAX_DELAY, jitter_key: str = "") -> float:
    """Return the seconds between the end of attempt number `attempt` (the first is 1) and the next one.

    `base` is in seconds. `backoff` is the API's `retry_backoff`, a multiplier of at least 1 (1 = always `base`,
    2 = doubling), or one of its names: "none" (= 1), "exponential" (= 2), "linear" (`base` x `attempt`).
    `jitter_key`, when given, adds up to a tenth, the same for the same key and attempt, so that tasks which
    failed together do not come back together. The result is never above `cap`.
    Raises ValueError for an attempt below 1, a negative or non-finite base or cap, or a multiplier below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    if not (math.isfinite(base) and math.isfinite(cap) and base >= 0 and cap >= 0):
        raise ValueError("base and cap are seconds, 0 or more")
    seconds = min(_grown(attempt, base, backoff), cap)
    if jitter_key:
        seconds *= 1 + JITTER_SHARE * _share(f"{jitter_key}:{attempt}")
    return min(seconds, cap)


def _grown(attempt: int, base: float, backoff: Backoff) -> float:
    if backoff == "linear":
        return base * attempt
    factor = {"none": 1.0, "exponential": 2.0}[backoff] if isinstance(backoff, str) else float(backoff)
    if not (math.isfinite(factor) and factor >= 1):
        raise ValueError("retry_backoff is a multiplier of at least 1; 1 keeps the delay constant")
    try:
        return base * factor ** (attempt - 1)
    except OverflowError:
        return math.inf if base else 0.0


def _share(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest()) / 2**48
