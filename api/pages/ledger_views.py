"""What the fire ledger shows: every instant of a task with what became of it, and why."""

from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from api.formats import Locale
from api.pages import words
from api.pages.parts import Address, FilterChip, Pager, Picker, pager
from api.pages.schedule_words import lang_of
from common.domain.reasons import sentence
from common.i18n import N_
from common.queries.ledger import OUTCOMES, LedgerQuery
from common.services.ledger import Answer, Entry, Ledger

SIZE = 50
_LABELS = {
    "success": N_("Success"),
    "failed": N_("Failed"),
    "cancelled": N_("Cancelled"),
    "pending": N_("Not ended yet"),
    "skipped": N_("Skipped"),
    "missed": N_("Missed"),
}
_ICONS = {"pending": "waiting"}
#: What a task's own page says anyway, or what is as it should be.
_USUAL = ("next", "running_now", "manual_only")
_WRONG = ("no_worker", "scheduler_silent", "scheduler_never")


@dataclass(frozen=True)
class LedgerForm:
    """What the URL asks for, as it was written."""

    outcome: str = ""
    since: str = ""
    until: str = ""
    at: str = ""
    page: int = 1


@dataclass(frozen=True)
class LedgerRow:
    """One instant, or several that came to the same."""

    when: Markup
    more: str
    outcome: str
    word: str
    reason: str
    url: str | None
    number: str


@dataclass(frozen=True)
class WhyLine:
    """Why something ran, did not run or does not run now."""

    outcome: str
    text: str
    url: str | None = None


@dataclass(frozen=True)
class LedgerView:
    """The page."""

    task_name: str
    task_url: str
    url: str
    form: LedgerForm
    zone: str
    chips: list[FilterChip]
    pickers: list[Picker]
    rows: list[LedgerRow]
    pager: Pager
    answer: WhyLine | None
    filtered: bool
    empty_title: str
    empty_hint: str


def instant(text: str, locale: Locale, *, end: bool = False) -> datetime | None:
    """What a date field says, in the page's zone; at the `end` of a minute or a day. None when it says nothing."""
    try:
        found = datetime.fromisoformat(text.strip())
        if end:
            found = found.replace(second=found.second or 59, microsecond=999_999)
            found = found.replace(hour=23, minute=59) if len(text.strip()) == 10 else found
        return (found if found.tzinfo else found.replace(tzinfo=locale.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def query_of(task_id: int, form: LedgerForm, locale: Locale) -> LedgerQuery:
    """The rows that the URL asks for."""
    return LedgerQuery(task_id, instant(form.since, locale), instant(form.until, locale, end=True), form.outcome)


def row_of(entry: Entry, locale: Locale) -> LedgerRow:
    """A row, in the page's zone."""
    one = entry.count == 1
    more = "" if one else locale.ngettext("%(n)s instant", "%(n)s instants", entry.count)
    shown = span_text(entry, locale)
    return LedgerRow(
        when=locale.time_tag(entry.first, shown),
        more=more,
        outcome=entry.status or _ICONS.get(entry.outcome, entry.outcome),
        word=words.state(entry.status, locale) if entry.status else locale.gettext(_word(entry.outcome)),
        reason=sentence(entry.reasons, lang_of(locale), instant=locale.stamp),
        url=f"/ui/executions/{entry.execution_id}" if entry.execution_id else None,
        number=f"#{entry.execution_id}" if entry.execution_id else "",
    )


def _word(outcome: str) -> str:
    return N_("Due") if outcome == "pending" else _LABELS[outcome]


def span_text(entry: Entry, locale: Locale) -> str:
    """Sun 22 Nov 08:30:00, or from one to the other."""
    return moment(entry.first, locale) if entry.count == 1 else span(entry.first, entry.last, locale)


def span(first: datetime, last: datetime, locale: Locale) -> str:
    """From one instant to the other; the day is said once where it is the same."""
    same = locale.local(first).date() == locale.local(last).date()
    end = locale.clock(last) if same else moment(last, locale)
    return locale.gettext("%(begin)s to %(end)s", begin=moment(first, locale), end=end)


def moment(at: datetime, locale: Locale) -> str:
    """Weekday, date and clock: a ledger always says the day."""
    return f"{locale.weekday(at)} {locale.date(at)} {locale.clock(at)}"


def why_at(answer: Answer, locale: Locale) -> WhyLine:
    """The answer about an instant; it names the instant, so that it can be read alone."""
    assert answer.at is not None
    entry = answer.entry
    outcome = (entry.status or _ICONS.get(entry.outcome, entry.outcome)) if entry else "dot"
    told = sentence(answer.reasons, lang_of(locale), instant=locale.stamp)
    text = locale.gettext("%(when)s: %(sentence)s", when=moment(answer.at, locale), sentence=told)
    url = f"/ui/executions/{entry.execution_id}" if entry and entry.execution_id else None
    return WhyLine(outcome, text, url)


def why_now(answer: Answer, locale: Locale) -> WhyLine | None:
    """Why the task does not run now; None when that needs no words."""
    if answer.code in _USUAL:
        return None
    outcome = "warning" if answer.code in _WRONG else "dot"
    return WhyLine(outcome, sentence(answer.reasons, lang_of(locale), instant=locale.stamp))


def ledger_view(
    name: str, query: LedgerQuery, form: LedgerForm, found: Ledger, answer: Answer | None, locale: Locale
) -> LedgerView:
    _ = locale.gettext
    task_url = f"/ui/tasks/{query.task_id}"
    address = Address(f"{task_url}/ledger", _kept(query, form))
    rows = [row_of(entry, locale) for entry in found.entries]
    filtered = bool(query.outcome or query.since or query.until)
    return LedgerView(
        task_name=name,
        task_url=task_url,
        url=address.path,
        form=form,
        zone=locale.zone.key,
        chips=_chips(query, address, locale),
        pickers=[],
        rows=rows,
        pager=pager(address, locale, page=form.page, size=SIZE, shown=len(rows), total=found.total),
        answer=why_at(answer, locale) if answer else None,
        filtered=filtered,
        empty_title=_("No instant here") if filtered else _("No instant has come yet"),
        empty_hint=_("None came to this in the time chosen.")
        if filtered
        else _("As soon as the schedule is due for the first time, it stands here, whatever became of it."),
    )


def _kept(query: LedgerQuery, form: LedgerForm) -> dict[str, str]:
    return {
        "outcome": query.outcome,
        "since": form.since if query.since else "",
        "until": form.until if query.until else "",
        "page": str(form.page),
    }


def _chips(query: LedgerQuery, address: Address, locale: Locale) -> list[FilterChip]:
    _ = locale.gettext
    chips = [FilterChip(_("All"), address.url(outcome=None), not query.outcome)]
    chips += [
        FilterChip(_(_LABELS[each]), address.url(outcome=each), query.outcome == each, outcome=_ICONS.get(each, each))
        for each in OUTCOMES
    ]
    return chips
