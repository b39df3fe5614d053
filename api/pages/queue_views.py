"""What the page of queues shows: who serves them, and in a sentence why the first one waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.formats import Locale
from api.pages.home_views import about
from common.services.overview import Running
from common.services.queues import Queue, Waiting


@dataclass(frozen=True)
class WaitRow:
    """One execution that waits."""

    number: int
    name: str
    url: str
    priority: int
    since: Markup
    why: str
    stop_url: str


@dataclass(frozen=True)
class QueueRow:
    """One queue."""

    name: str
    outcome: str
    summary: str
    why: str
    served: str
    slots: str
    tasks: str
    tasks_url: str
    items: list[WaitRow]
    more: str


@dataclass(frozen=True)
class QueuesView:
    """The page."""

    sentence: str
    rows: list[QueueRow]


def queues_view(found: Sequence[Queue], running: Sequence[Running], locale: Locale) -> QueuesView:
    return QueuesView(_sentence(found, locale), [_row(each, running, locale) for each in found])


def _sentence(found: Sequence[Queue], locale: Locale) -> str:
    _ = locale.gettext
    stuck = [each for each in found if each.queued and each.code in ("no_worker", "draining")]
    if stuck:
        names = locale.comma.join(each.name for each in stuck[:3])
        return locale.ngettext(
            "%(n)s queue is stuck: %(names)s.", "%(n)s queues are stuck: %(names)s.", len(stuck), names=names
        )
    waits = sum(1 for each in found if each.code == "slot")
    if waits:
        return locale.ngettext("%(n)s queue waits for slots.", "%(n)s queues wait for slots.", waits)
    return _("Nothing waits for a slot.")


def _row(each: Queue, running: Sequence[Running], locale: Locale) -> QueueRow:
    _ = locale.gettext
    rest = each.queued + each.waiting - len(each.items)
    return QueueRow(
        name=each.name,
        outcome=_outcome(each),
        summary=_summary(each, locale),
        why=_why(each, running, locale),
        served=locale.comma.join(
            _("%(name)s (draining)", name=row.name) if row.draining else str(row.name) for row in each.workers
        ),
        slots=_("%(busy)s of %(slots)s", busy=each.busy, slots=each.slots) if each.workers else "",
        tasks=locale.ngettext("%(n)s task", "%(n)s tasks", each.tasks),
        tasks_url=f"/ui/tasks?queue={each.name}",
        items=[_wait(item, locale) for item in each.items],
        more=locale.ngettext("%(n)s more waits behind them.", "%(n)s more wait behind them.", rest) if rest > 0 else "",
    )


def _outcome(each: Queue) -> str:
    if each.queued and each.code in ("no_worker", "draining"):
        return "warning"
    if each.running:
        return "running"
    if each.queued or each.waiting:
        return "queued"
    return "success" if each.workers else "dot"


def _summary(each: Queue, locale: Locale) -> str:
    _ = locale.gettext
    if not (each.running or each.queued or each.waiting):
        return _("idle") if each.workers else _("no worker serves it")
    said = [locale.ngettext("%(n)s running", "%(n)s running", each.running) if each.running else _("none running")]
    said.append(locale.ngettext("%(n)s waits", "%(n)s wait", each.queued) if each.queued else _("none waits"))
    if each.waiting:
        said.append(locale.ngettext("%(n)s waits for others", "%(n)s wait for others", each.waiting))
    return locale.comma.join(said)


def _why(each: Queue, running: Sequence[Running], locale: Locale) -> str:
    """Why the first one waits, and what helps."""
    _ = locale.gettext
    if each.code == "no_worker":
        return _("No worker that is at work serves this queue. Start one with ROTA_QUEUES=%(name)s.", name=each.name)
    if each.code == "draining":
        return _("Every worker that serves this queue is draining. Resume one, or start another.")
    if each.code != "slot":
        return ""
    said = _("All slots are taken: what waits starts when something ends.")
    names = {row.id for row in each.workers}
    ahead = [
        run.usual - (locale.now - run.row.started_at).total_seconds()
        for run in running
        if run.usual is not None and run.row.started_at and run.row.worker_id in names
    ]
    soon = [left for left in ahead if left > 0]
    if each.busy < each.slots:
        return _("A slot is free: it starts in a moment.")
    if soon:
        said += locale.gap + _("The next one is expected to end in about %(time)s.", time=about(min(soon), locale))
    return said


def _wait(item: Waiting, locale: Locale) -> WaitRow:
    return WaitRow(
        number=item.id,
        name=item.task_name,
        url=f"/ui/executions/{item.id}",
        priority=item.priority,
        since=locale.time_tag(item.available_at),
        why=_reason(item, locale),
        stop_url=f"/ui/executions/{item.id}/stop",
    )


def _reason(item: Waiting, locale: Locale) -> str:
    _ = locale.gettext
    if item.code == "slot":
        return (
            locale.ngettext("for a slot, %(n)s before it", "for a slot, %(n)s before it", item.before)
            if item.before
            else _("for a slot, the next in line")
        )
    return {
        "no_worker": _("for a worker that serves the queue"),
        "draining": _("for a worker that takes executions"),
        "retry": _("for its next try"),
        "later": _("for its time: the start is spread"),
        "upstream": _("for the tasks before it"),
    }[item.code]
