"""What becomes of due instants: on time, after ten minutes, after three days, every second, for each policy."""

from datetime import datetime, timedelta

import pytest

from common.domain.cron_timeline import CronTimeline
from common.domain.misfire import BOUND, Fire, Missed, MissedSummary, Policy, plan
from common.domain.timeline import Found
from common.domain.triggers import Trigger, parse
from tests.domain import expressions
from tests.domain.support import NOW, at, cron, seeded
from tests.domain.test_reference import accepted

MINUTELY = cron("* * * * *", "Asia/Shanghai")
POLICIES: tuple[Policy, ...] = ("latest", "all", "skip")
# Down from 12:00 until 12:10:20: eleven minutes are due, the newest 20 seconds old.
DUE, BACK = at("2026-05-01T12:00Z"), at("2026-05-01T12:10:20Z")


def minute(number: int) -> datetime:
    return DUE + timedelta(minutes=number)


def missed(minutes: range, reason: str) -> list[Missed]:
    return [Missed(minute(number), reason) for number in minutes]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("grace", [None, 0, 60])
def test_an_instant_seen_in_time_just_runs(policy: Policy, grace: int | None) -> None:
    found = plan(MINUTELY, due=DUE, now=DUE + timedelta(seconds=2), policy=policy, grace=grace)
    assert (found.fires, found.missed, found.summary) == ([Fire(DUE, late=False)], [], None)
    assert found.next_at == minute(1)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_slow_look_at_a_schedule_of_every_second_runs_them_all(policy: Policy) -> None:
    found = plan(cron("* * * * * *"), due=DUE, now=DUE + timedelta(seconds=3.5), policy=policy)
    assert found.fires == [Fire(DUE + timedelta(seconds=second), late=False) for second in range(4)]
    assert not found.missed


def test_nothing_happens_before_it_is_due() -> None:
    found = plan(MINUTELY, due=DUE, now=DUE - timedelta(seconds=1), policy="all")
    assert (found.fires, found.missed, found.summary, found.next_at) == ([], [], None, DUE)


def test_latest_runs_the_newest_once_after_ten_minutes() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="latest")
    assert found.fires == [Fire(minute(10), late=True)]
    assert found.missed == missed(range(10), "superseded")
    assert found.next_at == minute(11)


def test_latest_runs_nothing_when_even_the_newest_is_older_than_its_grace() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="latest", grace=10)
    assert not found.fires
    assert found.missed == missed(range(11), "grace_over")


def test_latest_tells_superseded_from_too_old() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="latest", grace=120)
    assert found.fires == [Fire(minute(10), late=True)]
    assert found.missed == [*missed(range(9), "grace_over"), *missed(range(9, 10), "superseded")]


def test_all_runs_every_one_after_ten_minutes() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="all")
    assert found.fires == [Fire(minute(number), late=True) for number in range(11)]
    assert not found.missed


def test_all_leaves_out_what_is_older_than_its_grace() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="all", grace=180)
    assert [fire.instant for fire in found.fires] == [minute(8), minute(9), minute(10)]
    assert found.missed == missed(range(8), "grace_over")


def test_skip_runs_only_what_is_hardly_late() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="skip")
    assert found.fires == [Fire(minute(10), late=True)]
    assert found.missed == missed(range(10), "policy_skip")
    hourly = plan(cron("0 * * * *"), due=DUE, now=BACK, policy="skip")
    assert (hourly.fires, hourly.missed) == ([], missed(range(1), "policy_skip"))


def test_skip_runs_all_within_a_grace_time_of_its_own() -> None:
    found = plan(MINUTELY, due=DUE, now=BACK, policy="skip", grace=90)
    assert [fire.instant for fire in found.fires] == [minute(9), minute(10)]
    assert found.missed == missed(range(9), "grace_over")


@pytest.mark.parametrize(("policy", "runs"), [("latest", 1), ("all", 72), ("skip", 0)])
def test_three_days_of_an_hourly_schedule_are_told_one_by_one(policy: Policy, runs: int) -> None:
    due, now = at("2026-05-01T01:00Z"), at("2026-05-04T00:30Z")
    found = plan(cron("0 * * * *"), due=due, now=now, policy=policy)
    assert len(found.fires) == runs
    assert len(found.missed) == 72 - runs
    assert found.summary is None
    assert found.next_at == at("2026-05-04T01:00Z")


@pytest.mark.parametrize(
    ("policy", "runs", "reason"), [("latest", 1, "superseded"), ("all", BOUND, "bound"), ("skip", 1, "policy_skip")]
)
@pytest.mark.parametrize(
    ("kind", "expr", "each"), [("cron", "* * * * *", 60), ("cron", "* * * * * *", 1), ("interval", "1s", 1)]
)
def test_three_days_of_a_busy_schedule_are_summed_up(
    policy: Policy, runs: int, reason: str, kind: str, expr: str, each: int
) -> None:
    trigger = parse(kind, expr, timezone="Europe/Berlin", now=NOW)
    due = at("2026-03-28T00:00Z")
    now = due + timedelta(days=3)
    found = plan(trigger, due=due, now=now, policy=policy)
    total = 3 * 86_400 // each + 1
    step = timedelta(seconds=each)
    assert [fire.instant for fire in found.fires] == [now - number * step for number in reversed(range(runs))]
    assert not found.missed
    assert found.summary == MissedSummary(due, now - runs * step, total - runs, reason)
    assert found.next_at == now + step


def test_three_days_of_every_second_are_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    walk = CronTimeline.next

    def counted(self: CronTimeline, instant: datetime) -> Found | None:
        nonlocal steps
        steps += 1
        return walk(self, instant)

    monkeypatch.setattr(CronTimeline, "next", counted)
    plan(cron("* * * * * *", "Europe/Berlin"), due=at("2026-03-28T00:00Z"), now=at("2026-03-31T00:00Z"), policy="all")
    assert steps < 2 * BOUND + 10


def test_it_tells_one_by_one_up_to_the_bound_and_sums_up_beyond() -> None:
    at_bound = plan(MINUTELY, due=DUE, now=minute(5), policy="latest", bound=5)
    assert (len(at_bound.fires), len(at_bound.missed), at_bound.summary) == (1, 5, None)
    beyond = plan(MINUTELY, due=DUE, now=minute(6), policy="latest", bound=5)
    assert beyond.summary == MissedSummary(DUE, minute(5), 6, "superseded")
    assert not beyond.missed


def test_a_stored_instant_counts_even_when_the_schedule_no_longer_names_it() -> None:
    due = at("2026-05-01T12:00:30Z")
    found = plan(MINUTELY, due=due, now=minute(2), policy="all")
    assert [fire.instant for fire in found.fires] == [due, minute(1), minute(2)]


def test_the_last_instant_of_an_ending_schedule_has_no_next() -> None:
    trigger = Trigger("cron", "* * * * *", end_at=minute(3))
    found = plan(trigger, due=DUE, now=minute(60), policy="all")
    assert [fire.instant for fire in found.fires] == [minute(number) for number in range(4)]
    assert found.next_at is None


@pytest.mark.parametrize(("policy", "bound"), [("newest", 100), ("all", 0)])
def test_it_refuses_an_unknown_policy(policy: Policy, bound: int) -> None:
    with pytest.raises(ValueError, match="misfire policy"):
        plan(MINUTELY, due=DUE, now=BACK, policy=policy, bound=bound)


def test_every_due_instant_is_accounted_for_exactly_once() -> None:
    """P1, over random schedules, zones, gaps, policies, grace times and bounds."""
    rng = seeded("accounting")
    for _ in range(400):
        name, expr = rng.choice(expressions.LIVELY), expressions.expression(rng)
        if (trigger := accepted(expr, name, NOW)) is None or (due := trigger.next_after(NOW)) is None:
            continue
        now = due + timedelta(seconds=rng.choice((1, 60, 3600, 86_400, 5 * 86_400)) * rng.random())
        bound = rng.choice((1, 5, 100))
        grace = rng.choice((None, 0, 60, 7200))
        found = plan(trigger, due=due, now=now, policy=rng.choice(POLICIES), grace=grace, bound=bound)
        ran = [fire.instant for fire in found.fires]
        every = [due, *trigger.between(due, now)]
        if found.summary is None:
            assert [missed.instant for missed in found.missed] + ran == every
            assert len(found.missed) <= bound
        else:
            left = every[: len(every) - len(ran)]
            assert (found.summary.first, found.summary.last, found.summary.count) == (left[0], left[-1], len(left))
            assert (ran, found.missed) == (every[len(left) :], [])
            assert len(left) > bound
        assert found.next_at == trigger.next_after(now)
