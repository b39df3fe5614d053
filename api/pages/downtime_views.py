"""What the downtime report shows: the times without a scheduler, and what was due in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from api.formats import Locale
from api.pages import words
from api.pages.ledger_views import LedgerRow, moment, row_of, span
from api.pages.parts import Address, Pager, Rights, pager
from common.domain.states import Status
from common.services.downtime import LISTED, Gap
from common.services.ledger import Entry

URL = "/ui/downtime"
SIZE = 10
_RUNNABLE = (Status.MISSED, Status.SKIPPED)
#: How long the status page speaks of a downtime.
RECENT = timedelta(days=7)


@dataclass(frozen=True)
class DueRow:
    """One instant that was due; `tick` names its box where it may be run now."""

    row: LedgerRow
    task_name: str
    task_url: str
    value: int | None
    tick: str


@dataclass(frozen=True)
class Count:
    """How many instants came to one end."""

    outcome: str
    text: str


@dataclass(frozen=True)
class GapView:
    """One downtime."""

    id: int
    heading: str
    length: str
    counts: list[Count]
    rows: list[DueRow]
    runnable: bool
    more: str


@dataclass(frozen=True)
class DowntimeView:
    """The page."""

    gaps: list[GapView]
    pager: Pager
    zone: str


def downtime_view(gaps: Sequence[Gap], locale: Locale, rights: Rights, *, page: int, total: int) -> DowntimeView:
    shown = [_gap(gap, locale, rights) for gap in gaps]
    pages = pager(Address(URL, {"page": str(page)}), locale, page=page, size=SIZE, shown=len(shown), total=total)
    return DowntimeView(shown, pages, locale.zone.key)


def _gap(gap: Gap, locale: Locale, rights: Rights) -> GapView:
    _ = locale.gettext
    rows = [_due(entry, locale, rights) for entry in gap.entries]
    return GapView(
        id=gap.id,
        heading=span(gap.started_at, gap.ended_at, locale),
        length=locale.duration((gap.ended_at - gap.started_at).total_seconds()),
        counts=[
            Count("waiting" if outcome == "pending" else outcome, f"{word(outcome, locale)} {locale.number(count)}")
            for outcome, count in gap.counts.items()
            if count
        ],
        rows=rows,
        runnable=any(row.value for row in rows),
        more=_("Only the first %(n)s are listed.", n=LISTED) if gap.more else "",
    )


def word(outcome: str, locale: Locale) -> str:
    return locale.gettext("Not ended yet") if outcome == "pending" else words.state(outcome, locale)


def _due(entry: Entry, locale: Locale, rights: Rights) -> DueRow:
    row = row_of(entry, locale)
    may = rights.run and entry.status in _RUNNABLE
    tick = locale.gettext("Choose %(name)s, %(when)s", name=entry.task_name, when=moment(entry.first, locale))
    return DueRow(row, entry.task_name, f"/ui/tasks/{entry.task_id}", entry.execution_id if may else None, tick)


def recent_line(gap: Gap | None, locale: Locale) -> str:
    """What the status page says of the newest downtime; nothing when there was none within a week."""
    if gap is None:
        return ""
    _ = locale.gettext
    length = locale.duration((gap.ended_at - gap.started_at).total_seconds())
    return _("No scheduler was at work for %(time)s until %(end)s.", time=length, end=moment(gap.ended_at, locale))
