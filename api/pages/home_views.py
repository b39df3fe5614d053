"""What the home page shows, made of what services return."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from api.formats import Locale
from api.pages import words
from api.pages.home_chart import ChartView, Spans, chart_view, expected_in
from api.pages.status_view import Health, who_is_missing
from api.plots import HANGS
from common.db.types import Record
from common.i18n import N_
from common.services.overview import Facts, Failing, Needs, Numbers, Running
from common.services.status import Processes

_NUMBERS = (
    N_("No"), N_("One"), N_("Two"), N_("Three"), N_("Four"), N_("Five"),
    N_("Six"), N_("Seven"), N_("Eight"), N_("Nine"),
)  # fmt: skip
#: A run that takes so much longer than usual is worth a look.
_LONGER = 1.25


@dataclass(frozen=True)
class Tile:
    """One number with a remark, leading to the list behind it."""

    label: str
    value: str
    remark: str
    url: str


@dataclass(frozen=True)
class Need:
    """One thing that needs somebody, and the one button that helps; `ask` has it answered in a dialog."""

    outcome: str
    title: str
    url: str
    when: str | Markup
    text: str
    button: str
    leads_to: str
    ask: bool = False


@dataclass(frozen=True)
class RunningRow:
    """One run that goes on."""

    name: str
    url: str
    note: str
    left: str
    percent: int | None
    over: bool
    stop_url: str | None


@dataclass(frozen=True)
class Row:
    """A name and what is said of it."""

    name: str
    url: str
    text: str | Markup
    more: str = ""


@dataclass(frozen=True)
class HomeView:
    """The page."""

    sentence: str
    health: list[Health]
    nothing_yet: bool = False
    tiles: list[Tile] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    needs_more: str = ""
    chart: ChartView | None = None
    slowest: list[Row] = field(default_factory=list)
    busiest: list[Row] = field(default_factory=list)
    queues: list[Row] = field(default_factory=list)
    running: list[RunningRow] = field(default_factory=list)
    running_note: str = ""
    coming: list[Row] = field(default_factory=list)
    idle: list[Row] = field(default_factory=list)


def empty(found: Processes, health: list[Health], locale: Locale) -> HomeView:
    """A fresh installation."""
    sentence = who_is_missing(found, locale) or locale.gettext("Rota is running. Nothing is scheduled yet.")
    return HomeView(sentence, health, nothing_yet=True)


def home_view(
    facts: Facts,
    found: Processes,
    numbers: Numbers,
    spans: Spans,
    locale: Locale,
    *,
    health: list[Health],
    everything: bool,
) -> HomeView:
    """The page for somebody who has tasks. `everything`: they see all that runs, so slots and queues add up."""
    _ = locale.gettext
    slots = sum(row.slots for row in found.alive(found.workers))
    more = facts.needs.failing_count - len(facts.needs.failing)
    return HomeView(
        sentence=_sentence(facts.needs, found, locale),
        health=health,
        tiles=_tiles(facts, numbers, spans, locale),
        needs=_needs(facts.needs, locale),
        needs_more=locale.ngettext("%(n)s more", "%(n)s more", more) if more > 0 else "",
        chart=chart_view(spans, facts.columns, facts.running_count, facts.coming, locale),
        slowest=[_row(row, locale.duration(row.seconds or 0)) for row in facts.leaders.slowest],
        busiest=[
            _row(row, locale.ngettext("%(n)s run", "%(n)s runs", row.executions)) for row in facts.leaders.busiest
        ],
        queues=_queues(facts, found, locale),
        running=[_running(each, locale) for each in facts.running],
        running_note=_("%(n)s of %(slots)s slots", n=facts.running_count, slots=slots) if everything and slots else "",
        coming=[_coming(row, locale) for row in facts.next],
        idle=[_idle(row, locale) for row in facts.idle],
    )


def _sentence(needs: Needs, found: Processes, locale: Locale) -> str:
    _ = locale.gettext
    if missing := who_is_missing(found, locale):
        return missing
    n = needs.count
    if not n:
        return _("Everything is on time.")
    word = _(_NUMBERS[n]) if n < len(_NUMBERS) else locale.number(n)
    text = locale.t.ngettext(
        "%(n)s thing needs you. Everything else is on time.", "%(n)s things need you. Everything else is on time.", n
    )
    return text % {"n": word}


# ---- tiles ----


def _tiles(facts: Facts, numbers: Numbers, spans: Spans, locale: Locale) -> list[Tile]:
    _ = locale.gettext
    today, before = facts.today, facts.yesterday
    ran = sum(today.get(name, 0) for name in _RAN)
    due = ran + facts.running_count + sum(expected_in(facts.coming, [spans.today]))
    wrong, wrong_before = (sum(each.get(name, 0) for name in HANGS) for each in (today, before))
    slowest = facts.leaders.slowest[0].seconds if facts.leaders.slowest else None
    pace = facts.pace
    return [
        Tile(
            _("Tasks"),
            locale.number(numbers.every),
            _("%(n)s paused", n=locale.number(numbers.paused)) if numbers.paused else _("none paused"),
            "/ui/tasks",
        ),
        Tile(
            _("Runs today"),
            locale.number(ran),
            _("of %(n)s", n=locale.number(due)) if due > ran else "",
            "/ui/executions",
        ),
        Tile(_("Success rate"), _rate(today), _change(today, before), "/ui/executions"),
        Tile(
            _("Went wrong"),
            locale.number(wrong),
            _("%(n)s yesterday", n=locale.number(wrong_before)),
            "/ui/tasks?status=failed",
        ),
        Tile(
            _("Average duration"),
            locale.duration(pace.average) if pace.average is not None else "–",
            _("max %(time)s", time=about(slowest, locale)) if slowest else "",
            "/ui/executions",
        ),
        Tile(
            _("Start delay, p95"),
            locale.duration(pace.delay_p95) if pace.delay_p95 is not None else "–",
            _("max %(time)s", time=about(pace.delay_most, locale)) if pace.delay_most is not None else "",
            "/ui/timeline",
        ),
    ]


_RAN = ("success", "failed", "timed_out", "lost", "cancelled")
_JUDGED = ("success", "failed", "timed_out", "lost")


def _share(counts: Any) -> float | None:
    """Of what ended by itself how much went well; None when nothing did."""
    every = sum(counts.get(name, 0) for name in _JUDGED)
    return counts.get("success", 0) / every * 100 if every else None


def _percent(share: float) -> str:
    # Rounded down: 99.97 is not 100.
    return f"{int(share * 10) / 10:.1f}" if share < 100 else "100"


def _rate(counts: Any) -> str:
    share = _share(counts)
    return "–" if share is None else f"{_percent(share)} %"


def _change(today: Any, before: Any) -> str:
    now, then = _share(today), _share(before)
    return "" if now is None or then is None else f"{now - then:+.1f}".replace("-", "−")


# ---- what needs somebody ----


def _needs(needs: Needs, locale: Locale) -> list[Need]:
    found = [_failing(each, locale) for each in needs.failing]
    _ = locale.gettext
    for row in needs.silent:
        text = _("It gave no sign of life since. What it ran is taken from it when its lease is over.")
        title = _("%(name)s stopped answering", name=row.name)
        when = locale.time_tag(row.heartbeat_at)
        found.append(Need("lost", title, "/ui/workers", when, text, _("See workers"), "/ui/workers"))
    for stuck in needs.stuck:
        title = _("No worker serves the queue %(name)s", name=stuck.queue)
        text = locale.ngettext("%(n)s run waits there.", "%(n)s runs wait there.", stuck.waiting)
        when = locale.time_tag(stuck.since)
        found.append(Need("queued", title, "/ui/queues", when, text, _("See why"), "/ui/queues"))
    if (down := needs.down) is not None:
        title = _(
            "Rota was down from %(begin)s to %(end)s",
            begin=f"{locale.local(down.started_at):%H:%M}",
            end=f"{locale.local(down.ended_at):%H:%M}",
        )
        due = locale.ngettext("%(n)s run was due", "%(n)s runs were due", down.late + down.missed)
        text = _("%(due)s: %(late)s ran late, %(missed)s missed.") % {
            "due": due,
            "late": locale.number(down.late),
            "missed": locale.number(down.missed),
        }
        when = locale.time_tag(down.ended_at)
        found.append(Need("missed", title, "/ui/downtime", when, text, _("Choose what to run"), "/ui/downtime"))
    return found


def _failing(each: Failing, locale: Locale) -> Need:
    _ = locale.gettext
    last, url = each.last, f"/ui/executions/{each.last.id}"
    ran = words.Ran(last.status, last.started_at, last.finished_at, last.exit_code, error=last.error)
    said = [words.verdict(ran, locale, attempt=1, attempts=1)]
    if each.streak > 1:
        said.append(locale.ngettext("%(n)s failure in a row.", "%(n)s failures in a row.", each.streak))
    elif each.before:
        said.append(
            locale.ngettext("First failure after %(n)s success.", "First failure after %(n)s successes.", each.before)
        )
    again = last.status == "lost"
    return Need(
        outcome=str(last.status),
        title=each.name,
        url=url,
        when=locale.time_tag(last.finished_at or last.scheduled_for),
        text=locale.gap.join(said),
        button=_("Run again") if again else _("See why"),
        leads_to=f"/ui/tasks/{each.task_id}/run" if again else url,
        ask=again,
    )


# ---- now and next ----


def _running(each: Running, locale: Locale) -> RunningRow:
    _, row = locale.gettext, each.row
    seconds = (locale.now - row.started_at).total_seconds() if row.started_at else 0.0
    note = locale.comma.join(filter(None, (row.worker_name, locale.countdown(max(0, int(seconds))))))
    left, percent, over = "", None, False
    if each.usual is not None and each.usual >= 1:
        over = seconds > each.usual * _LONGER
        percent = min(100, int(seconds / each.usual * 100))
        ahead = each.usual - seconds
        if over:
            left = _("%(time)s longer than usual", time=about(-ahead, locale))
        elif ahead > 0:
            left = _("about %(time)s left", time=about(ahead, locale))
        else:
            left = _("about to end")
    url = f"/ui/executions/{row.id}"
    return RunningRow(row.task_name, url, note, left, percent, over, f"{url}/stop")


def about(seconds: float, locale: Locale) -> str:
    """One unit, for what is only guessed."""
    _ = locale.gettext
    if seconds < 9.95:
        return locale.duration(seconds)
    if seconds < 55:
        return _("%(n)s s", n=round(seconds))
    if seconds < 55 * 60:
        return _("%(n)s min", n=round(seconds / 60))
    return _("%(n)s h", n=max(1, round(seconds / 3600)))


def _coming(row: Record, locale: Locale) -> Row:
    due = row.at <= locale.now
    text = locale.time_tag(row.at, locale.gettext("due now") if due else None)
    local = locale.local(row.at)
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    if local.date() != locale.local(locale.now).date():
        clock = locale.date(row.at)
    return Row(row.name, f"/ui/tasks/{row.task_id}", text, clock)


def _row(row: Record, text: str) -> Row:
    return Row(row.name, f"/ui/tasks/{row.task_id}", text)


def _idle(row: Record, locale: Locale) -> Row:
    _ = locale.gettext
    if row.enabled:
        return Row(row.name, f"/ui/tasks/{row.id}/ledger", _("was due, did not run"), "missed")
    since = locale.date(row.paused_at)
    by = row.paused_by
    text = _("paused by %(name)s, %(date)s", name=by, date=since) if by else _("paused since %(date)s", date=since)
    return Row(row.name, f"/ui/tasks/{row.id}", text, "paused")


def _queues(facts: Facts, found: Processes, locale: Locale) -> list[Row]:
    """Each queue that somebody serves or that something is in. One that is alone and idle is no news."""
    names = {row.queue for row in facts.queues} | {
        queue for worker in found.alive(found.workers) for queue in worker.queues
    }
    rows = [Row(name, "/ui/queues", queue_words(name, facts.queues, found, locale)) for name in sorted(names)]
    return rows if len(rows) > 1 or facts.queues else []


def queue_words(name: str, active: Sequence[Record], found: Processes, locale: Locale) -> str:
    """How a queue stands: "5 running, none waits"; "idle, served by worker-4"."""
    _ = locale.gettext
    counts = {row.status: row.executions for row in active if row.queue == name}
    running, queued = counts.get("running", 0), counts.get("queued", 0)
    serving = [row.name for row in found.serving(name)]
    if not serving and queued:
        return locale.ngettext("%(n)s waits, no worker serves it", "%(n)s wait, no worker serves it", queued)
    if not running and not queued:
        names = locale.comma.join(serving[:2])
        return _("idle, served by %(names)s", names=names) if serving else _("no worker serves it")
    busy = locale.ngettext("%(n)s running", "%(n)s running", running) if running else _("none running")
    waits = locale.ngettext("%(n)s waits", "%(n)s wait", queued) if queued else _("none waits")
    return locale.comma.join((busy, waits))
