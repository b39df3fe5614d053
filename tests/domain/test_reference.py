"""Rota against a scan of every minute around changes of the clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from common.domain.triggers import InvalidSchedule, Trigger
from tests.domain import expressions, reference
from tests.domain.support import at, cron, seeded
from tests.domain.test_vectors import VECTORS

CASES = 150
SPAN = timedelta(days=2)


def rota_form(expr: str) -> str:
    """Write `5L` as Rota and croniter do."""
    return " ".join(f"L{field[0]}" if field.endswith("L") and len(field) == 2 else field for field in expr.split())


def accepted(expr: str, zone: str, after: datetime) -> Trigger | None:
    """Return the trigger, or None when the random expression can never fire; other refusals fail the test."""
    try:
        return cron(rota_form(expr), zone, now=after)
    except InvalidSchedule as error:
        if "never fires" in str(error):
            return None
        raise


@pytest.mark.parametrize(("zone", "expr", "after", "fires"), VECTORS)
def test_the_reference_follows_the_vectors_too(zone: str, expr: str, after: str, fires: str) -> None:
    expected = [at(f"2026-{fire}Z") for fire in fires.split()]
    assert reference.fires(expr, ZoneInfo(zone), at(f"2026-{after}Z"), expected[-1]) == expected


def test_it_agrees_with_a_scan_of_every_minute() -> None:
    rng = seeded("scan")
    compared = 0
    while compared < CASES:
        name, expr = expressions.zone_name(rng), expressions.expression(rng)
        zone = ZoneInfo(name)
        after = expressions.start(rng, zone)
        if (trigger := accepted(expr, name, after)) is None:
            continue
        expected = reference.fires(expr, zone, after, after + SPAN)
        assert trigger.between(after, after + SPAN) == expected, (expr, name, after)
        assert trigger.count(after, after + SPAN) == len(expected), (expr, name, after)
        compared += 1
