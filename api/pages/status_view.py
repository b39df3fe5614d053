"""How Rota's own processes are, in words that several pages show."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.formats import Locale
from common.db.types import Record
from common.services.status import Processes

_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


@dataclass(frozen=True)
class Health:
    """One part of Rota and how it is."""

    outcome: str
    text: str


@dataclass(frozen=True)
class ProcessRow:
    """One process."""

    outcome: str
    name: str
    cells: list[str | Markup]


@dataclass(frozen=True)
class Group:
    """Processes of one kind."""

    title: str
    note: str
    heads: list[str]
    rows: list[ProcessRow]
    empty_title: str
    empty_hint: str


def health_line(
    found: Processes, dialect: str, latency: float | None, locale: Locale, *, busy: int | None = None
) -> list[Health]:
    """Database, schedulers and workers, each with how it is. `latency` is how many seconds the database took, `busy`
    how many slots are taken, where that is known better than by what workers say every few seconds."""
    schedulers, workers = found.alive(found.schedulers), found.alive(found.workers)
    return [_database(dialect, latency, locale), _scheduler(schedulers, locale), _workers(workers, busy, locale)]


def who_is_missing(found: Processes, locale: Locale) -> str:
    """A sentence where nothing fires or nothing runs; empty where somebody is at work."""
    _ = locale.gettext
    schedulers, workers = found.alive(found.schedulers), found.alive(found.workers)
    if not schedulers and not workers:
        return _("Nothing fires and nothing runs: no scheduler and no worker is at work.")
    if not schedulers:
        return _("No scheduler is at work: nothing fires by schedule.")
    if not workers:
        return _("No worker is at work: what fires waits in the queue.")
    return ""


def _database(dialect: str, latency: float | None, locale: Locale) -> Health:
    name = _DATABASES.get(dialect, dialect)
    if latency is not None:
        return Health("success", locale.gettext("%(name)s, %(n)s ms", name=name, n=f"{max(latency * 1000, 0.1):.1f}"))
    return Health("success", locale.gettext("Database answers, %(name)s", name=name))


def _scheduler(alive: Sequence[Record], locale: Locale) -> Health:
    _ = locale.gettext
    if not alive:
        return Health("failed", _("No scheduler"))
    beat = max(row.heartbeat_at for row in alive)
    text = locale.ngettext("%(n)s scheduler", "%(n)s schedulers", len(alive))
    return Health("success", _("%(text)s, last beat %(when)s", text=text, when=locale.relative(beat)))


def _workers(alive: Sequence[Record], busy: int | None, locale: Locale) -> Health:
    _ = locale.gettext
    if not alive:
        return Health("failed", _("No worker"))
    slots = sum(row.slots for row in alive)
    busy = sum(row.running for row in alive) if busy is None else busy
    text = locale.ngettext("%(n)s worker", "%(n)s workers", len(alive))
    return Health("success", _("%(text)s, %(busy)s of %(slots)s slots busy", text=text, busy=busy, slots=slots))


def process_words(row: Record, locale: Locale) -> str:
    """Its process ids, and what is said of them."""
    _ = locale.gettext
    parts = [str(row.pid)]
    if row.runner_pid:
        parts.append(_("runner %(n)s", n=row.runner_pid))
    if row.draining:
        parts.append(_("draining"))
    if row.taken_over:
        parts.append(_("took over %(n)s", n=row.taken_over))
    return locale.comma.join(parts)


def rooted(alive: Sequence[Record], locale: Locale) -> str:
    """A warning where tasks have every right there is."""
    names = [row.name for row in alive if row.as_root]
    if not names:
        return ""
    return locale.gettext(
        "%(names)s: this worker is root, and so is every task that names no other user.", names=locale.comma.join(names)
    )


def scheduler_group(found: Processes, alive: Sequence[Record], locale: Locale) -> Group:
    """The schedulers of the last day."""
    _ = locale.gettext
    return Group(
        title=_("Schedulers"),
        note=_("they decide what is due"),
        heads=[_("Machine"), _("Process"), _("Started"), _("Last beat")],
        rows=[
            ProcessRow(
                _outcome(row, alive),
                row.host,
                [str(row.pid), locale.time_tag(row.started_at), locale.time_tag(row.heartbeat_at)],
            )
            for row in found.schedulers
        ],
        empty_title=_("No scheduler has been seen today"),
        empty_hint=_("Start one with rota scheduler, or everything with rota up."),
    )


def _outcome(row: Record, alive: Sequence[Record], *, draining: bool = False) -> str:
    if row not in alive:
        return "cancelled" if getattr(row, "stopped_at", None) else "lost"
    return "warning" if draining else "success"
