"""Schedules under a calendar: what runs, what is left out, what moves, and that every instant is accounted for."""

from datetime import UTC, date, datetime, timedelta

import pytest

from common.domain import misfire
from common.domain.calendars import MOST_SHIFTED, RULES, ListedDays, Observed, Rule, check, plan
from common.domain.public_days import CountryDays, built_in, check_country
from common.domain.triggers import InvalidSchedule, Trigger, parse, preview, upcoming
from tests.domain import expressions
from tests.domain.support import NOW, at, cron, seeded
from tests.domain.test_reference import accepted

SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
WORKING = CountryDays("CN", kind="working_days")
HOLIDAYS = CountryDays("CN")


def days(*texts: str) -> ListedDays:
    return ListedDays(frozenset(map(date.fromisoformat, texts)))


def local(trigger: Trigger, rule: Rule, calendar: CountryDays | ListedDays, after: str, count: int) -> list[str]:
    """The next wall times as "10-08 09:00"."""
    shown = preview(Observed(trigger, calendar, rule), after=at(after), count=count)
    return [f"{each.local:%m-%d %H:%M}" for each in shown.next]


class TestChina:
    """The announcement for 2026: National Day 1 to 7 October, to work on 20 September and 10 October."""

    @pytest.mark.parametrize(
        ("day", "working", "en", "zh"),
        [
            ("2026-09-20", True, "make-up working day", "调休上班"),
            ("2026-10-10", True, "make-up working day", "调休上班"),
            ("2026-10-01", False, "National Day", "国庆节"),
            ("2026-10-07", False, "Day off (substituted from 10/10/2026)", "休息日（由 2026-10-10 调休）"),
            ("2026-10-08", True, "working day", "工作日"),
            ("2026-10-11", False, "weekend", "周末"),
            ("2026-02-14", True, "make-up working day", "调休上班"),
            ("2005-12-31", True, "make-up working day", "调休上班"),
        ],
    )
    def test_a_day_is_what_was_announced(self, day: str, working: bool, en: str, zh: str) -> None:
        found = date.fromisoformat(day)
        assert WORKING.working(found) == WORKING.contains(found) == working
        assert WORKING.why(found) == (en, zh)
        assert not WORKING.unknown(found)

    def test_working_days_include_the_weekend_that_is_worked(self) -> None:
        daily = cron("0 9 * * *", SHANGHAI)
        assert local(daily, "only_on", WORKING, "2026-09-30T12:00Z", 4) == [
            "10-08 09:00", "10-09 09:00", "10-10 09:00", "10-12 09:00",
        ]  # fmt: skip

    def test_a_year_nobody_has_announced_is_called_unknown_and_said_so(self) -> None:
        assert HOLIDAYS.unknown(date(2099, 1, 4))
        assert not CountryDays("DE").unknown(date(2099, 1, 4))
        observed = Observed(cron("0 9 * * *", SHANGHAI), WORKING, "only_on")
        (note,) = preview(observed, after=at("2099-01-01T00:00Z"), count=3).warnings
        assert note.code == "unknown_days"
        assert "2099" in note.text("en")
        assert "2099" in note.text("zh")
        assert preview(observed, after=at("2026-01-01T00:00Z"), count=3).warnings == []


class TestNotes:
    def test_what_is_left_out_is_said_where_it_would_have_been(self) -> None:
        shown = preview(
            Observed(cron("0 9 * * *", SHANGHAI), HOLIDAYS, "never_on"), after=at("2026-04-30T12:00Z"), count=2
        )
        note = shown.next[0].note
        assert note is not None
        assert note.text("en") == "1 May: Labor Day → skipped, and 1 more"
        assert note.text("zh") == "5 月 1 日：劳动节 → 跳过，另有 1 次"
        one = preview(
            Observed(cron("0 9 * * *", BERLIN), CountryDays("DE"), "never_on"), after=at("2026-10-02T12:00Z"), count=1
        )
        assert one.next[0].note is not None
        assert one.next[0].note.text("en") == "3 Oct: German Unity Day → skipped"

    def test_what_moved_says_from_where(self) -> None:
        shown = preview(
            Observed(cron("0 9 3 * *", BERLIN), CountryDays("DE"), "shift_next"), after=at("2026-01-01T00:00Z"), count=1
        )
        assert f"{shown.next[0].local:%m-%d %H:%M}" == "01-05 09:00"
        assert shown.next[0].note is not None
        assert shown.next[0].note.text("en") == "shifted from Sat 3 Jan: weekend"
        assert shown.next[0].note.text("zh") == "由 1 月 3 日（周六）顺延：周末"


class TestShift:
    def test_two_that_meet_are_one(self) -> None:
        daily = cron("0 9 * * *", BERLIN)
        assert local(daily, "shift_next", CountryDays("DE"), "2026-01-02T12:00Z", 3) == [
            "01-05 09:00", "01-06 09:00", "01-07 09:00",
        ]  # fmt: skip

    def test_times_of_several_days_come_in_their_order(self) -> None:
        weekend = cron("0 10 * * 6", BERLIN)
        off = days("2026-01-03", "2026-01-04")
        assert local(weekend, "shift_next", off, "2026-01-02T00:00Z", 2) == ["01-05 10:00", "01-10 10:00"]
        both = Observed(
            parse("interval", "17h", timezone=BERLIN, anchor=at("2026-01-03T09:00Z"), now=NOW), off, "shift_next"
        )
        walls = [f"{each.local:%m-%d %H:%M}" for each in preview(both, after=at("2026-01-03T00:00Z"), count=4).next]
        assert walls == ["01-05 03:00", "01-05 10:00", "01-05 13:00", "01-05 20:00"]

    def test_a_wall_time_that_does_not_exist_there_runs_after_the_gap(self) -> None:
        saturday = cron("30 2 28 3 *", BERLIN)
        assert local(saturday, "shift_next", days("2026-03-28"), "2026-03-01T00:00Z", 1) == ["03-29 03:00"]

    def test_a_wall_time_that_comes_twice_there_runs_once(self) -> None:
        saturday = cron("30 2 24 10 *", BERLIN)
        shown = preview(Observed(saturday, days("2026-10-24"), "shift_next"), after=at("2026-10-01T00:00Z"), count=2)
        assert [each.utc for each in shown.next] == [at("2026-10-25T00:30Z"), at("2027-10-24T00:30Z")]

    def test_it_moves_nothing_beyond_the_end(self) -> None:
        trigger = parse("cron", "0 9 * * *", timezone=BERLIN, end_at=at("2026-01-04T23:00Z"), now=NOW)
        observed = Observed(trigger, CountryDays("DE"), "shift_next")
        assert upcoming_of(observed, at("2026-01-01T12:00Z"), 5) == [at("2026-01-02T08:00Z")]

    def test_it_is_refused_for_what_runs_too_often(self) -> None:
        often = Observed(cron("*/5 * * * *"), CountryDays("DE"), "shift_next")
        with pytest.raises(InvalidSchedule, match=str(MOST_SHIFTED)) as refusal:
            check(often, now=NOW)
        assert refusal.value.field == "calendar_rule"
        check(Observed(cron("0 * * * *"), CountryDays("DE"), "shift_next"), now=NOW)
        with pytest.raises(InvalidSchedule):
            check(Observed(parse("interval", "59m", now=NOW), CountryDays("DE"), "shift_next"), now=NOW)


def upcoming_of(observed: Observed, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    while len(found) < count and (instant := observed.next_after(found[-1] if found else after)):
        found.append(instant)
    return found


def test_a_calendar_that_leaves_nothing_is_refused() -> None:
    for rule, calendar in (("only_on", days("2020-01-01")), ("never_on", Everything())):
        with pytest.raises(InvalidSchedule) as refusal:
            check(Observed(cron("0 9 * * *"), calendar, rule), now=NOW)  # type: ignore[arg-type]
        assert refusal.value.field == "calendar"


class Everything(ListedDays):
    """A calendar of all days."""

    def __init__(self) -> None:
        super().__init__(frozenset())

    def contains(self, day: date) -> bool:
        return True


@pytest.mark.parametrize("rule", RULES)
def test_counting_agrees_with_walking(rule: Rule) -> None:
    source = seeded(f"counting {rule}")
    for _ in range(60):
        trigger = accepted(expressions.expression(source), expressions.zone_name(source), NOW)
        if trigger is None or trigger.count(NOW, NOW + timedelta(days=60)) > 3000:
            continue
        off = frozenset(date(2026, 1, 1) + timedelta(days=source.randrange(60)) for _ in range(source.randrange(1, 40)))
        observed = Observed(trigger, ListedDays(off), rule)
        until = NOW + timedelta(days=source.randrange(1, 60), seconds=source.randrange(86_400))
        walked = observed.between(NOW, until)
        assert observed.count(NOW, until) == len(walked), (trigger, rule, until)
        assert observed.newest(NOW, until, 3) == walked[-3:]
        assert walked == sorted(set(walked))
        if rule != "shift_next":
            every = trigger.between(NOW, until)
            assert walked == [each for each in every if observed.runs(each)]
        else:
            assert all(observed.runs(each) for each in walked)


@pytest.mark.parametrize("policy", ["latest", "all", "skip"])
@pytest.mark.parametrize("rule", ["only_on", "never_on"])
def test_every_due_instant_is_named_once(policy: misfire.Policy, rule: Rule) -> None:
    source = seeded(f"plan {policy} {rule}")
    for _ in range(80):
        trigger = cron(source.choice(["0 * * * *", "*/15 * * * *", "0 9 * * *", "30 2 * * *"]), BERLIN)
        off = frozenset(
            date(2026, 3, 20) + timedelta(days=source.randrange(20)) for _ in range(source.randrange(1, 15))
        )
        observed = Observed(trigger, ListedDays(off), rule)
        due = trigger.next_after(at("2026-03-20T00:00Z") + timedelta(hours=source.randrange(200)))
        assert due is not None
        now = due + timedelta(seconds=source.choice([0, 3, 400, 90_000, 400_000]))
        found = plan(observed, due=due, now=now, policy=policy)
        every = [due, *trigger.between(due, now)]
        named = [fire.instant for fire in found.fires] + [missed.instant for missed in found.missed] + found.left_out
        counted = sum(each.count for each in (found.summary, found.left_out_summary) if each)
        assert len(named) + counted == len(every)
        assert len(set(named)) == len(named)
        assert all(observed.runs(fire.instant) for fire in found.fires)
        assert not any(observed.runs(instant) for instant in found.left_out)
        assert found.next_at == trigger.next_after(now)
        assert found.runs_at == observed.next_after(now)


def test_a_day_that_is_left_out_never_stands_for_one_that_runs() -> None:
    daily = Observed(cron("0 9 * * *", "UTC"), days("2026-05-02"), "never_on")
    found = plan(daily, due=at("2026-05-01T09:00Z"), now=at("2026-05-02T12:00Z"), policy="latest")
    assert found.fires == [misfire.Fire(at("2026-05-01T09:00Z"), late=True)]
    assert found.left_out == [at("2026-05-02T09:00Z")]


def test_many_that_are_left_out_are_one_summary() -> None:
    often = Observed(cron("* * * * *", "UTC"), days("2026-05-02"), "never_on")
    found = plan(often, due=at("2026-05-02T00:00Z"), now=at("2026-05-02T12:00Z"), policy="all")
    assert found.left_out_summary == misfire.MissedSummary(
        at("2026-05-02T00:00Z"), at("2026-05-02T12:00Z"), 721, "calendar"
    )
    assert found.fires == found.left_out == []
    assert found.runs_at == at("2026-05-03T00:00Z")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("CN", CountryDays("CN")),
        (" cn ", CountryDays("CN")),
        ("US-CA", CountryDays("US", "CA")),
        ("DE-BY:working_days", CountryDays("DE", "BY", "working_days")),
        ("DE:holidays", CountryDays("DE")),
        ("XX", None), ("CHN", None), ("US-XX", None), ("CN:weekdays", None), ("", None), ("公司", None),
    ],
)  # fmt: skip
def test_built_in_calendars_go_by_their_names(name: str, found: CountryDays | None) -> None:
    assert built_in(name) == found


def test_a_part_of_a_country_has_its_own_holidays() -> None:
    epiphany = date(2026, 1, 6)
    assert CountryDays("DE", "BY").contains(epiphany)
    assert not CountryDays("DE", "BE").contains(epiphany)


@pytest.mark.parametrize(
    ("country", "part", "field"), [("XX", "", "country"), ("DE", "XX", "subdivision"), ("CN", "BJ", "subdivision")]
)
def test_places_that_are_not_there_are_refused(country: str, part: str, field: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        check_country(country, part)
    assert refusal.value.field == field


def test_a_day_is_a_day_of_the_schedules_zone() -> None:
    evening = cron("0 23 * * *", "America/New_York")
    observed = Observed(evening, days("2026-07-04"), "never_on")
    assert not observed.runs(at("2026-07-05T03:00Z"))
    assert observed.runs(at("2026-07-04T03:00Z"))
    assert upcoming(evening, after=at("2026-07-04T12:00Z"), count=1) == [at("2026-07-05T03:00Z")]
    assert observed.next_after(at("2026-07-04T12:00Z")) == datetime(2026, 7, 6, 3, tzinfo=UTC)
