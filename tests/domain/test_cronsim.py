"""Rota against cronsim, a second implementation of Debian's cron, over expressions, zones and years."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from common.domain.triggers import Trigger, upcoming
from tests.domain import expressions, reference
from tests.domain.support import seeded
from tests.domain.test_reference import accepted

CASES = 20_000
STARTS = 16
FIRES = 2
TICKS = 5_000


class BoundedCronSim(CronSim):
    """cronsim 2.8 goes round in circles where a clock changed at 00:01 (St. John's until 2011): count its steps."""

    ticks = 0

    def tick(self, seconds: int = 1) -> None:
        self.ticks += 1
        if self.ticks > TICKS:
            raise StopIteration
        super().tick(seconds)


def cronsim_fires(expr: str, zone: ZoneInfo, after: datetime) -> list[datetime]:
    """Return cronsim's next fires in UTC."""
    return [local.astimezone(UTC) for local in islice(BoundedCronSim(expr, after.astimezone(zone)), FIRES)]


def follows_the_reference(trigger: Trigger, expr: str, zone: ZoneInfo, around: datetime) -> bool:
    """Whether Rota is right by the scan of every minute where the two first disagree."""
    after, until = around - timedelta(days=1), around + timedelta(days=2)
    return trigger.between(after, until) == reference.fires(expr, zone, after, until)


def test_it_agrees_with_cronsim() -> None:
    """cronsim 2.8 itself errs where clocks change by half an hour or at midnight, about twice in a thousand here."""
    rng = seeded("cronsim")
    compared = settled = 0
    while compared < CASES:
        name, expr = expressions.zone_name(rng), expressions.expression(rng)
        zone = ZoneInfo(name)
        if (trigger := accepted(expr, name, expressions.FIRST)) is None:
            continue
        for after in (expressions.start(rng, zone) for _ in range(STARTS)):
            compared += 1
            try:
                theirs = cronsim_fires(expr, zone, after)
            except CronSimError:
                break
            ours = upcoming(trigger, after=after, count=FIRES)
            if ours != theirs:
                settled += 1
                around = next((min(pair) for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), ours[-1])
                assert follows_the_reference(trigger, expr, zone, around), (expr, name, after, ours, theirs)
    assert settled < compared / 100
    print(f"{compared} cases, {settled} settled by the scan of every minute")
