"""What the page of workers shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.formats import Locale
from api.pages.home_views import about
from api.pages.status_view import Group, Health, health_line, process_words, rooted, scheduler_group, who_is_missing
from common.db.types import Record
from common.services.status import Processes

_SHOWN = 12


@dataclass(frozen=True)
class Run:
    """One execution that a worker runs."""

    name: str
    url: str
    time: str
    left: str


@dataclass(frozen=True)
class WorkerCard:
    """One worker."""

    name: str
    url: str
    outcome: str
    state: str
    note: str | Markup
    queues: list[str]
    busy: int
    slots: int
    slots_text: str
    cpu: str
    cpu_percent: int | None
    memory: str
    memory_percent: int | None
    facts: list[tuple[str, str | Markup]]
    runs: list[Run]
    more: str
    drainable: bool
    resumable: bool
    forgettable: bool


@dataclass(frozen=True)
class WorkersView:
    """The page."""

    sentence: str
    health: list[Health]
    cards: list[WorkerCard]
    schedulers: Group
    downtime: str
    warning: str


def workers_view(
    found: Processes,
    load: Mapping[str, int],
    runs: Mapping[str, Sequence[Record]],
    usual: Mapping[int, float | None],
    dialect: str,
    locale: Locale,
    *,
    downtime: str,
) -> WorkersView:
    alive = found.alive(found.workers)
    cards = [_card(row, runs.get(row.id, ()), usual, locale, alive=row in alive) for row in _ordered(found)]
    return WorkersView(
        sentence=_sentence(found, load, locale),
        health=health_line(found, dialect, None, locale, busy=sum(card.busy for card in cards)),
        cards=cards,
        schedulers=scheduler_group(found, found.alive(found.schedulers), locale),
        downtime=downtime,
        warning=rooted(alive, locale),
    )


def _ordered(found: Processes) -> list[Record]:
    """Those at work, then the silent, then the stopped."""
    alive = found.alive(found.workers)
    return sorted(found.workers, key=lambda row: (row not in alive, row.stopped_at is not None, row.name))


def _sentence(found: Processes, load: Mapping[str, int], locale: Locale) -> str:
    _ = locale.gettext
    if missing := who_is_missing(found, locale):
        return missing
    alive = found.alive(found.workers)
    slots = sum(row.slots for row in alive if not row.draining)
    said = locale.ngettext("%(n)s worker is at work.", "%(n)s workers are at work.", len(alive))
    text = _(
        "%(running)s running in %(slots)s slots, %(queued)s waiting.",
        running=locale.number(load.get("running", 0)),
        slots=locale.number(slots),
        queued=locale.number(load.get("queued", 0)),
    )
    return locale.gap.join((said, text))


def _card(
    row: Record, runs: Sequence[Record], usual: Mapping[int, float | None], locale: Locale, *, alive: bool
) -> WorkerCard:
    _ = locale.gettext
    outcome, state, note = _state(row, locale, alive=alive)
    memory = row.memory_total and alive
    # What the worker says is some seconds old.
    busy = min(max(len(runs), row.running), row.slots) if alive else 0
    return WorkerCard(
        name=row.name,
        url=f"/ui/workers/{row.id}",
        outcome=outcome,
        state=state,
        note=note,
        queues=list(row.queues),
        busy=busy,
        slots=row.slots,
        slots_text=_("%(busy)s of %(slots)s", busy=busy, slots=row.slots),
        cpu=f"{row.cpu_percent:.0f} %" if alive and row.cpu_percent is not None else "–",
        cpu_percent=round(row.cpu_percent) if alive and row.cpu_percent is not None else None,
        memory=_("%(used)s of %(total)s", used=locale.size(row.memory_used), total=locale.size(row.memory_total))
        if memory
        else "–",
        memory_percent=round(row.memory_used / row.memory_total * 100) if memory else None,
        facts=[
            (_("Machine"), row.host),
            (_("Process"), process_words(row, locale)),
            (_("Started"), locale.time_tag(row.started_at)),
            (_("Last beat"), _("stopped") if row.stopped_at else locale.time_tag(row.heartbeat_at)),
            (_("Version"), row.version),
        ],
        runs=[_run(each, usual, locale) for each in runs[:_SHOWN]],
        more=locale.ngettext("%(n)s more", "%(n)s more", len(runs) - _SHOWN) if len(runs) > _SHOWN else "",
        drainable=alive and row.drain_asked_at is None,
        resumable=row.drain_asked_at is not None,
        forgettable=not alive,
    )


def _state(row: Record, locale: Locale, *, alive: bool) -> tuple[str, str, str | Markup]:
    _ = locale.gettext
    if row.stopped_at is not None:
        return "cancelled", _("Stopped"), locale.time_tag(row.stopped_at)
    if not alive:
        return (
            "lost",
            _("Silent"),
            Markup(_("no sign of life since %(when)s"))
            % {"when": locale.time_tag(row.heartbeat_at, locale.stamp(row.heartbeat_at))},
        )
    if row.drain_asked_at is not None:
        by = row.drain_asked_by
        note = _("it takes nothing more, asked by %(name)s", name=by) if by else _("it takes nothing more")
        return "warning", _("Draining"), note
    if row.draining:
        return "warning", _("Stopping"), _("it takes nothing more and ends what it runs")
    return "success", _("At work"), ""


def _run(each: Record, usual: Mapping[int, float | None], locale: Locale) -> Run:
    _ = locale.gettext
    seconds = max(0.0, (locale.now - each.started_at).total_seconds()) if each.started_at else 0.0
    expected, left = usual.get(each.task_id), ""
    if expected is not None and expected >= 1 and expected > seconds:
        left = _("about %(time)s left", time=about(expected - seconds, locale))
    return Run(each.task_name, f"/ui/executions/{each.id}", locale.countdown(int(seconds)), left)
