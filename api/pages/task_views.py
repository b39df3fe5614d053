"""What the pages about tasks show, made of what services return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from markupsafe import Markup

from api.charts import ROW, Bar, Shape, run_bars
from api.formats import Locale
from api.pages import words
from api.pages.execution_views import ExecutionRow
from api.pages.parts import Address, FilterChip, Link, Option, Pager, Picker, Rights, StateChip, pager
from api.pages.schedule_words import NextRun, coming, lang_of, sentence
from api.pages.trend_view import RUNS, Trend, limits_of, trend_view
from common.domain.describe import describe
from common.domain.states import UNWELL, TaskState
from common.domain.terminal import plain
from common.errors import NotFound
from common.i18n import N_
from common.queries.newest import Last
from common.queries.tasks import ATTENTION, TaskQuery
from common.queries.trend import Took
from common.services.tasks import TaskView

_CHIPS = (
    (TaskState.FAILED, N_("Failed"), "failed"),
    (TaskState.RUNNING, N_("Running"), "running"),
    (TaskState.PENDING, N_("Queued"), "queued"),
    (TaskState.ACTIVE, N_("Active"), ""),
    (TaskState.PAUSED, N_("Paused"), ""),
)
#: So many tasks can be sorted by how they are while somebody waits.
_SORTABLE = 10_000
_SORTS = (
    (ATTENTION, N_("Needs attention")),
    ("-id", N_("Newest first")),
    ("name", N_("By name")),
    ("-updated_at", N_("Changed last")),
)


@dataclass(frozen=True)
class TaskRow:
    """One row of the task list, and the head of a task's own page."""

    id: int
    name: str
    url: str
    kind_icon: str
    kind_label: str
    tags: list[Link]
    enabled: bool
    sentence: str
    cron: str
    next: str | Markup
    chip: StateChip | None
    last: str | Markup
    bars: Markup
    stop_url: str | None
    may_edit: bool
    may_run: bool
    may_own: bool


@dataclass(frozen=True)
class TaskListView:
    """The task list."""

    query: Mapping[str, str]
    kept: list[tuple[str, str]]
    chips: list[FilterChip]
    pickers: list[Picker]
    rows: list[TaskRow]
    pager: Pager
    nothing_yet: bool
    empty_hint: str


def task_url(task_id: int | None) -> str:
    return f"/ui/tasks/{task_id}"


def execution_url(execution_id: int) -> str:
    return f"/ui/executions/{execution_id}"


def task_row(view: TaskView, recent: Sequence[Last], locale: Locale) -> TaskRow:
    task, condition = view.task, view.condition
    assert task.id is not None
    icon, label = words.KINDS.get(task.kind, ("code", task.kind))
    newest = _newest(view, recent)
    rights = Rights.on(view.right)
    return TaskRow(
        id=task.id,
        name=task.name,
        url=task_url(task.id),
        kind_icon=icon,
        kind_label=locale.gettext(label),
        tags=[Link(tag, Address("/ui/tasks").url(tag=tag)) for tag in task.tags],
        enabled=task.enabled,
        sentence=sentence(view.schedules, locale),
        cron=", ".join(f"{each.expr} {each.timezone}" for each in view.schedules),
        next=next_run(view, locale),
        chip=_chip(newest, locale),
        last=_since(newest, recent, locale),
        bars=bars(recent, task.name, locale, ROW),
        stop_url=execution_url(condition.running[-1]) + "/stop" if condition.running else None,
        may_edit=rights.edit,
        may_run=rights.run,
        may_own=rights.own,
    )


def next_run(view: TaskView, locale: Locale) -> str | Markup:
    """When it runs next: relative, the absolute time in the tooltip in the task's zone."""
    _ = locale.gettext
    if not view.task.enabled:
        return _("paused")
    due = view.condition.next_run_at
    if due is None:
        return _("no run to come") if view.schedules else ""
    here = locale.in_zone(view.schedules[0].timezone)
    return here.time_tag(due, _("due now") if due <= locale.now else None)


def _newest(view: TaskView, recent: Sequence[Last]) -> Last | None:
    """The run the row speaks of: what goes on, else what went wrong last, else simply the newest."""
    active = {*view.condition.running, *view.condition.pending}
    for each in reversed(recent):
        if each.id in active:
            return each
    last = view.condition.last
    if view.condition.state(enabled=True) == TaskState.FAILED:
        return last
    return recent[-1] if recent else last


def _chip(newest: Last | None, locale: Locale) -> StateChip | None:
    if newest is None:
        return None
    return StateChip(str(newest.status), words.state(newest.status, locale), execution_url(newest.id))


def _since(newest: Last | None, recent: Sequence[Last], locale: Locale) -> str | Markup:
    """The line below the chip: when, and how long."""
    if newest is None:
        return ""
    if newest.status in ("queued", "waiting"):
        return locale.time_tag(newest.scheduled_for)
    seconds = seconds_of(newest, locale)
    if newest.status == "running":
        taken = locale.duration(seconds or 0)
        usual = usual_seconds(recent)
        if usual is None or usual < 2:
            return taken
        return locale.gettext("%(time)s of about %(usual)s", time=taken, usual=locale.duration(usual))
    when = locale.time_tag(newest.finished_at or newest.started_at or newest.scheduled_for)
    return when if seconds is None else when + " · " + locale.duration(seconds)


def seconds_of(last: Last, locale: Locale) -> float | None:
    if last.started_at is None:
        return None
    return max(0.0, ((last.finished_at or locale.now) - last.started_at).total_seconds())


def usual_seconds(recent: Sequence[Last]) -> float | None:
    """The median of what went well; None when nothing did."""
    took = _successes(recent)
    return median(took) if took else None


def _successes(recent: Sequence[Last]) -> list[float]:
    return [
        (each.finished_at - each.started_at).total_seconds()
        for each in recent
        if each.status == "success" and each.started_at and each.finished_at
    ]


def bars(recent: Sequence[Last], name: str, locale: Locale, shape: Shape) -> Markup:
    label = locale.gettext("Last %(n)s runs of %(name)s", n=min(len(recent), shape.slots), name=name)
    return run_bars([_bar(each, locale) for each in recent], label, shape)


def _bar(last: Last, locale: Locale) -> Bar:
    seconds = seconds_of(last, locale)
    said = [words.state(last.status, locale)]
    if seconds is not None:
        said.append(locale.duration(seconds))
    said.append(locale.stamp(last.started_at or last.scheduled_for))
    return Bar(str(last.status), seconds, execution_url(last.id), locale.comma.join(said))


# ---- the list ----


def list_view(
    query: TaskQuery,
    rows: Sequence[TaskRow],
    total: int,
    counts: Mapping[TaskState, int],
    tags: Sequence[str],
    locale: Locale,
) -> TaskListView:
    _ = locale.gettext
    values = {
        "q": query.search,
        "status": (query.status or "").lower(),
        "tag": query.tag,
        "queue": query.queue,
        "sort": "" if query.sort == usual_sort(counts) else query.sort,
        "page": str(query.page),
    }
    address = Address("/ui/tasks", values)
    everything = sum(counts.values())
    return TaskListView(
        query=values,
        kept=[(key, value) for key, value in values.items() if value and key in ("status", "tag", "queue", "sort")],
        chips=_list_chips(query, counts, address, locale),
        pickers=_pickers(query, tags, address, usual_sort(counts), locale),
        rows=list(rows),
        pager=pager(address, locale, page=query.page, size=query.page_size, shown=len(rows), total=total),
        nothing_yet=everything == 0,
        empty_hint=_("Paused tasks are included.") if query.search else _("No task is in this state now."),
    )


def _list_chips(
    query: TaskQuery, counts: Mapping[TaskState, int], address: Address, locale: Locale
) -> list[FilterChip]:
    chips = [
        FilterChip(
            locale.gettext("All"), address.url(status=None), query.status is None, locale.number(sum(counts.values()))
        )
    ]
    for state, label, outcome in _CHIPS:
        count = counts.get(state, 0)
        if state == TaskState.PENDING and not count and query.status != state:
            continue
        url = address.url(status=state.lower())
        chips.append(FilterChip(locale.gettext(label), url, query.status == state, locale.number(count), outcome))
    return chips


def usual_sort(counts: Mapping[TaskState, int]) -> str:
    """The order of a list that asks for none: what needs somebody first, unless there are too many to look at all."""
    return ATTENTION if sum(counts.values()) <= _SORTABLE else "-id"


def _pickers(query: TaskQuery, tags: Sequence[str], address: Address, usual: str, locale: Locale) -> list[Picker]:
    _ = locale.gettext
    found = []
    if tags or query.tag:
        options = [Option(_("Any tag"), address.url(tag=None), not query.tag)]
        options += [Option(tag, address.url(tag=tag), tag == query.tag) for tag in tags]
        found.append(Picker(query.tag or _("Tag"), options, bool(query.tag), "tag"))
    current = dict(_SORTS).get(query.sort, query.sort)
    options = [
        Option(_(label), address.url(sort="" if key == usual else key), key == query.sort) for key, label in _SORTS
    ]
    found.append(Picker(_("Sort: %(order)s", order=_(current).lower()), options))
    return found


_EXAMPLES = (
    (
        N_("Say hello"),
        'echo "hello from $(hostname)"',
        "*/5 * * * *",
        N_("See a run, its output and its bars within minutes."),
    ),
    (N_("How full are the disks?"), "df -h", "30 8 * * 1-5", N_("A look at the machine every working morning.")),
    (
        N_("Is the website up?"),
        "curl -fsS -o /dev/null https://example.org",
        "* * * * *",
        N_("Fails when it does not answer, and the bars show when."),
    ),
)
_LEGEND = ("success", "failed", "timed_out", "skipped", "missed", "lost", "running")


@dataclass(frozen=True)
class Example:
    """A task to start from: added as it is, or changed first."""

    number: int
    title: str
    command: str
    sentence: str
    why: str
    url: str


def example(number: int, locale: Locale) -> dict[str, str]:
    """The fields of an example in the reader's language and zone; raises NotFound."""
    if number >= len(_EXAMPLES):
        raise NotFound("There is no example {id}.", id=number)
    title, command, cron, _ = _EXAMPLES[number]
    return {"name": locale.gettext(title), "command": command, "cron": cron, "timezone": locale.zone.key}


def welcome(locale: Locale) -> dict[str, Any]:
    """What the list shows while there is no task: examples, and how to read the bars."""
    examples = []
    for number, (title, command, cron, why) in enumerate(_EXAMPLES):
        name = locale.gettext(title)
        url = Address("/ui/tasks/create").url(name=name, command=command, cron=cron)
        said = describe(("cron", cron, "UTC"), lang_of(locale))
        examples.append(Example(number, name, command, said, locale.gettext(why), url))
    shown = (
        "success",
        "success",
        "failed",
        "success",
        "timed_out",
        "success",
        "skipped",
        "missed",
        "success",
        "running",
    )
    heights = (9, 7, 2, 8, 10, 6, 1, 5, 7, 4)
    legend = [
        Bar(state, float(seconds), "#", words.state(state, locale))
        for state, seconds in zip(shown, heights, strict=True)
    ]
    return {
        "examples": examples,
        "legend": [(state, words.state(state, locale)) for state in _LEGEND],
        "legend_bars": run_bars(legend, locale.gettext("Ten runs as an example"), Shape(pitch=16, plot=40, slots=10)),
    }


# ---- one task ----


@dataclass(frozen=True)
class Tally:
    """How many of the shown runs ended in one way."""

    outcome: str
    label: str
    count: str


@dataclass(frozen=True)
class Failure:
    """The newest run that did not go well."""

    outcome: str
    url: str
    title: str
    excerpt: str
    note: str


@dataclass(frozen=True)
class History:
    """The newest executions on a task's page."""

    rows: list[ExecutionRow]


@dataclass(frozen=True)
class Overview:
    """The first tab of a task's page."""

    trend: Trend | None
    tally: list[Tally]
    history: History
    first_run: str | Markup
    failures: list[Failure]
    facts: list[tuple[str, str | Markup]]
    coming: list[NextRun]
    zone: str


#: Failures that the overview shows with their last lines.
FAILURES = 3


def failures(recent: Sequence[Last]) -> list[Last]:
    """The newest runs that did not go well, the newest first."""
    return [each for each in reversed(recent) if each.status in UNWELL][:FAILURES]


def overview(
    view: TaskView,
    recent: Sequence[Took],
    rows: Sequence[ExecutionRow],
    locale: Locale,
    *,
    metric: str,
    owner: str,
    said: Mapping[int, tuple[str, str]],
) -> Overview:
    """What the overview shows; `said` are stdout and stderr of the failures, by their ids."""
    task = view.task
    limits = limits_of(task)
    return Overview(
        trend=trend_view(recent, metric, limits, task_url(task.id), locale) if recent else None,
        tally=tally(recent[-RUNS:], locale),
        history=History(list(rows)),
        first_run=_first_run(view, locale),
        failures=[_failure(each, recent, locale, said.get(each.id, ("", ""))) for each in failures(recent)],
        facts=facts(view, recent, locale, owner),
        coming=coming(view, locale, count=5) if task.enabled else [],
        zone=", ".join(dict.fromkeys(each.timezone for each in view.schedules)),
    )


def summary(row: TaskRow, view: TaskView, locale: Locale) -> str | Markup:
    _ = locale.gettext
    told = view.task.description
    when = row.sentence
    if view.schedules:
        when = _("%(sentence)s (%(zone)s).", sentence=row.sentence, zone=view.schedules[0].timezone)
    parts: list[str | Markup] = [when]
    if view.condition.next_run_at is not None and view.task.enabled:
        parts.append(Markup(_("Next run: %(when)s.")) % {"when": row.next})
    elif not view.task.enabled:
        parts.append(_("Paused: it runs only by hand."))
    if told:
        parts.append(told)
    return Markup(locale.gap).join(parts)


def bars_range(recent: Sequence[Last], locale: Locale) -> str:
    """From when to when these runs are, in a word where both are the same."""
    if len(recent) < 2:
        return ""
    begin, end = (locale.relative(each.scheduled_for) for each in (recent[0], recent[-1]))
    return begin if begin == end else locale.gettext("%(begin)s to %(end)s", begin=begin, end=end)


def tally(recent: Sequence[Last], locale: Locale) -> list[Tally]:
    """How many of these runs ended in which way, the most first."""
    counted: dict[str, int] = {}
    for each in recent:
        counted[str(each.status)] = counted.get(str(each.status), 0) + 1
    order = [name for name in words.STATES if name in counted]
    order.sort(key=lambda name: -counted[name])
    return [Tally(name, words.state(name, locale), locale.number(counted[name])) for name in order]


def _first_run(view: TaskView, locale: Locale) -> str | Markup:
    _ = locale.gettext
    if view.task.enabled and view.condition.next_run_at is not None:
        return Markup(_("The first run is %(when)s.")) % {"when": next_run(view, locale)}
    return _("Press Run now to see what it does.")


def _failure(last: Last, recent: Sequence[Last], locale: Locale, output: tuple[str, str]) -> Failure:
    said = words.outcome_short(words.Ran(status=last.status, exit_code=last.exit_code), locale)
    when = last.finished_at or last.scheduled_for
    told = "" if last.exit_code is not None else last.error or ""
    lines = [plain(line) for line in (output[1] or output[0] or told).strip().splitlines()[-6:]]
    later = [each for each in recent if each.id > last.id and each.status == "success"]
    note = ""
    if later:
        note = locale.ngettext("It worked %(n)s time since.", "It worked %(n)s times since.", len(later))
    title = f"{locale.stamp(when)}{locale.comma}{said}"
    return Failure(str(last.status), execution_url(last.id), title, "\n".join(line[:300] for line in lines), note)


def facts(view: TaskView, recent: Sequence[Last], locale: Locale, owner: str) -> list[tuple[str, str | Markup]]:
    """The summary: what is set, and what is usual."""
    _ = locale.gettext
    task = view.task
    found: list[tuple[str, str | Markup]] = []
    ran = [each for each in recent if each.status not in ("skipped", "missed", "queued", "running", "waiting")]
    if ran:
        good = sum(each.status == "success" for each in ran)
        found.append((_("Success rate"), _("%(rate)s %% of %(n)s", rate=round(100 * good / len(ran)), n=len(ran))))
        found.append((_("Usual duration"), _usual(recent, locale)))
    found += [
        (_("Kind"), locale.gettext(words.KINDS.get(task.kind, ("", task.kind))[1])),
        (_("Timeout"), locale.duration(task.timeout) if task.timeout else _("none")),
        (_("Retries"), retries(task.retries, task.retry_delay, task.retry_backoff, locale)),
        (_("Concurrency"), _(words.CONCURRENCY.get(task.concurrency, task.concurrency))),
        (_("Worker dies"), _(words.DELIVERY.get(task.delivery, task.delivery))),
        (_("Queue"), _("%(queue)s, priority %(n)s", queue=task.queue, n=task.priority)),
    ]
    env, args, cwd = task.spec.get("env") or {}, task.spec.get("args") or [], task.spec.get("cwd")
    if env:
        found.append((_("Environment"), ", ".join(env)))
    if args:
        found.append((_("Arguments"), " ".join(args)))
    if cwd:
        found.append((_("Directory"), cwd))
    if limits := task.spec.get("limits"):
        found.append((_("Limits"), limits_text(limits, locale)))
    if run_as := task.spec.get("run_as"):
        found.append((_("Runs as"), run_as))
    if view.schedules:
        found.append((_("Schedule"), ", ".join(each.expr for each in view.schedules)))
    if owner:
        found.append((_("Owner"), owner))
    version = Markup('<a href="{}/definition">v{}</a>').format(task_url(task.id), task.version)
    found.append((_("Version"), version + locale.comma + locale.time_tag(task.updated_at)))
    return found


def limits_text(limits: Mapping[str, int], locale: Locale) -> str:
    """The limits in a line."""
    _, said = locale.gettext, []
    if "memory" in limits:
        said.append(_("memory %(size)s", size=locale.size(limits["memory"])))
    if "cpu" in limits:
        said.append(_("CPU %(time)s", time=locale.countdown(limits["cpu"])))
    if "processes" in limits:
        said.append(locale.ngettext("%(n)s process", "%(n)s processes", limits["processes"]))
    if "files" in limits:
        said.append(locale.ngettext("%(n)s open file", "%(n)s open files", limits["files"]))
    if "nice" in limits:
        said.append(_("niceness %(n)s", n=limits["nice"]))
    return locale.comma.join(said)


def _usual(recent: Sequence[Last], locale: Locale) -> str:
    took = _successes(recent)
    if not took:
        return locale.gettext("never worked")
    if len(took) < 4:
        return locale.duration(median(took))
    low, _middle, high = quantiles(took, n=4)
    small, great = locale.duration(max(low, 0)), locale.duration(max(high, 0))
    return small if small == great else f"{small} – {great}"


def retries(count: int, delay: float, backoff: float, locale: Locale) -> str:
    """The retry settings in one line."""
    _ = locale.gettext
    if not count:
        return _("none")
    text = _("%(times)s, after %(delay)s", times=locale.number(count), delay=locale.duration(delay))
    return text + _(", growing") if backoff > 1 else text
