"""What becomes of the instants that came due: which run now, which are missed, and why (promises P1 and P8).

Normally a scheduler sees an instant within two seconds and everything due simply runs. When the oldest due
instant is older than ON_TIME there was a gap (Rota was down, or asleep), and the schedule's policy decides:

- latest: the newest due instant runs once; nothing, if even that one is older than the grace time.
- all: every instant not older than the grace time runs, the newest `bound` of them.
- skip: nothing late runs. Late is what is older than the grace time; without one, what is older than a minute
  or has a due successor.

An instant up to ON_TIME old is never too late for its grace time: Rota's own delay must not drop a run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from common.domain.timeline import Fires

Policy = Literal["latest", "all", "skip"]

BOUND = 100
ON_TIME = timedelta(seconds=5)
SKIP_GRACE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Fire:
    """An instant that runs now; `late` when it is older than ON_TIME."""

    instant: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """An instant that does not run. `reason`: superseded (a newer one stands for it), grace_over, policy_skip,
    or bound (more than `bound` were due)."""

    instant: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class MissedSummary:
    """More missed instants than deserve a row each; `reason` is the newest one's."""

    first: datetime
    last: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every due instant is in `fires` or in `missed`, or counted in `summary`; `next_at` is the stored next run.

    What a calendar leaves out is in `left_out`, or counted in `left_out_summary`; `runs_at` is then the next instant
    that it does not leave out.
    """

    fires: list[Fire] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    summary: MissedSummary | None = None
    next_at: datetime | None = None
    left_out: list[datetime] = field(default_factory=list)
    left_out_summary: MissedSummary | None = None
    runs_at: datetime | None = None


def plan(
    trigger: Fires, *, due: datetime, now: datetime, policy: Policy, grace: int | None = None, bound: int = BOUND
) -> Plan:
    """Account for every instant of `trigger` in [due, now], oldest first.

    `due` is the stored next run, itself an instant whatever the trigger says today; `grace` is in seconds, None
    for no limit. The cost depends on `bound` and on the months passed, not on how many instants were due.
    Raises ValueError for an unknown policy or a bound below 1.
    """
    if policy not in ("latest", "all", "skip") or bound < 1:
        raise ValueError(f"no misfire policy {policy!r} with a bound of {bound}")
    if due > now:
        return Plan(next_at=due)
    following = trigger.next_after(due)
    if following is None or following > now:  # by far the most common case, and the cheapest
        total, next_at = 1, following
    else:
        total, next_at = 1 + trigger.count(due, now), trigger.next_after(now)
    newest = _newest(trigger, due, now, total, min(total, bound + 1))
    running = len(newest) if now - due <= ON_TIME else _how_many_run(newest, now, policy, _limit(grace), bound)
    reason = _reasons(now, policy, _limit(grace))
    fires = [Fire(instant, late=now - instant > ON_TIME) for instant in newest[len(newest) - running :]]
    left = total - running
    if left > bound:
        last = newest[-running - 1]
        return Plan(fires, [], MissedSummary(due, last, left, reason(last)), next_at)
    missed = _newest(trigger, due, now, total, total)[:left] if left else []
    return Plan(fires, [Missed(instant, reason(instant)) for instant in missed], None, next_at)


def _newest(trigger: Fires, due: datetime, now: datetime, total: int, limit: int) -> list[datetime]:
    """The last `limit` of the `total` instants in [due, now]."""
    return [due] if total == 1 else [due, *trigger.newest(due, now, limit)][-limit:]


def _limit(grace: int | None) -> timedelta | None:
    return None if grace is None else max(timedelta(seconds=grace), ON_TIME)


def _how_many_run(newest: list[datetime], now: datetime, policy: Policy, limit: timedelta | None, bound: int) -> int:
    """Those that run are always the newest: return how many."""
    if policy == "latest" or (policy == "skip" and limit is None):
        oldest = SKIP_GRACE if policy == "skip" else limit
        return int(oldest is None or now - newest[-1] <= oldest)
    young = list(takewhile(lambda instant: limit is None or now - instant <= limit, reversed(newest)))
    return min(len(young), bound)


def _reasons(now: datetime, policy: Policy, limit: timedelta | None) -> Callable[[datetime], str]:
    by_policy = {"latest": "superseded", "all": "bound", "skip": "policy_skip"}[policy]

    def reason(instant: datetime) -> str:
        return "grace_over" if limit is not None and now - instant > limit else by_policy

    return reason
