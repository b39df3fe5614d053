"""What the domain tests share: a fixed now, short ways to write instants, and seeds that can be repeated."""

import os
import random
from datetime import UTC, datetime

from common.domain.triggers import Trigger, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """Return the aware UTC instant of ISO text ("2026-03-29T01:00Z")."""
    return datetime.fromisoformat(text).astimezone(UTC)


def cron(expr: str, timezone: str = "UTC", *, now: datetime = NOW, hash_key: str = "") -> Trigger:
    """Return a checked cron trigger."""
    return parse("cron", expr, timezone=timezone, now=now, hash_key=hash_key)


def seeded(name: str) -> random.Random:
    """Return a generator for one test and print its seed; ROTA_TEST_SEED repeats a run."""
    seed = os.environ.get("ROTA_TEST_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"{name}: ROTA_TEST_SEED={seed}")
    return random.Random(f"{seed}:{name}")
