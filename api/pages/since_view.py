"""What changed since it last worked, as the card on the page of a bad run."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from api.formats import Locale
from api.pages import definition_words, words
from common.db.models import Task
from common.db.types import Record
from common.i18n import N_
from common.queries.trend import Took
from common.services.since import Since


@dataclass(frozen=True)
class Usual:
    """What is usual for a task: of its newest runs that went well."""

    memory: int | None = None

    @classmethod
    def of(cls, recent: Sequence[Took]) -> "Usual":
        """The medians; None where nothing is known."""
        known = [each.peak_memory for each in recent if each.status == "success" and each.peak_memory]
        return cls(round(median(known)) if len(known) > 1 else None)


@dataclass(frozen=True)
class Different:
    """One thing that is different."""

    label: str
    before: str = ""
    after: str = ""
    text: str = ""
    url: str = ""
    link: str = ""
    note: str = ""


@dataclass(frozen=True)
class SinceView:
    """The card."""

    rows: list[Different]
    same: str
    good_url: str


def remark(since: Since, locale: Locale) -> str | Markup:
    """The line below the verdict: how often it worked before, and when it last did."""
    _ = locale.gettext
    streak, good = since.streak, since.good
    if streak.failures:
        first = locale.ngettext(
            "It had failed %(n)s time in a row before.", "It had failed %(n)s times in a row before.", streak.failures
        )
    elif streak.more:
        first = _("First failure after more than %(n)s successes.", n=locale.number(streak.successes))
    else:
        first = locale.ngettext(
            "First failure after %(n)s success.", "First failure after %(n)s successes.", streak.successes
        )
    at = good.finished_at or good.scheduled_for
    seconds = words.Ran(good.status, good.started_at, good.finished_at).seconds(locale.now)
    took = locale.duration(seconds or 0)
    return Markup("{}{}{}").format(
        first,
        locale.gap,
        Markup(_("Last worked %(when)s, in %(time)s.")) % {"when": locale.time_tag(at), "time": took},
    )


def since_view(since: Since, task: Task, row: Record, locale: Locale) -> SinceView:
    """What is different, and in a line what is not."""
    _ = locale.gettext
    rows = [*_definition(since, task, locale), *_variables(since, locale)]
    if since.other_worker:
        rows.append(Different(_("Worker"), since.good.worker_name, row.worker_name))
    if since.other_trigger:
        before, after = (words.trigger(each.trigger, each.triggered_by, locale) for each in (since.good, row))
        rows.append(Different(_("Trigger"), before, after))
    return SinceView(rows, _same(since, task, row, locale), f"/ui/executions/{since.good.id}")


def _definition(since: Since, task: Task, locale: Locale) -> list[Different]:
    _ = locale.gettext
    if since.versions is None or since.versions[0] == since.versions[1]:
        return []
    before, after = since.versions
    url = f"/ui/tasks/{task.id}/definition?version={after}&against={before}"
    link = _("v%(before)s to v%(after)s", before=before, after=after)
    note = _author(since, locale)
    if not since.changes:
        return [Different(_("Definition"), url=url, link=link, note=note)]
    found = []
    for number, change in enumerate(since.changes):
        label = definition_words.field(change.field, locale)
        told = {"url": url, "link": link, "note": note} if not number else {}
        if definition_words.is_long(change):
            found.append(Different(label, text=definition_words.line_counts(change, locale), **told))
        else:
            values = (definition_words.value(change.field, each, locale) for each in (change.before, change.after))
            found.append(Different(label, *values, **told))
    return found


def _author(since: Since, locale: Locale) -> str:
    if not since.authors:
        return ""
    name, at = since.authors[0]
    when = locale.relative(at)
    more = len(since.authors) - 1
    said = locale.comma.join(part for part in (name, when) if part)
    if not more:
        return said
    return said + locale.comma + locale.ngettext("and %(n)s change before", "and %(n)s changes before", more)


def _variables(since: Since, locale: Locale) -> list[Different]:
    _ = locale.gettext
    return [
        Different(
            _("Variable"),
            text=_("%(name)s has another value", name=row.name),
            note=locale.comma.join(part for part in (row.updated_by, locale.relative(row.updated_at)) if part),
        )
        for row in since.variables
    ]


def _same(since: Since, task: Task, row: Record, locale: Locale) -> str:
    """What was looked at and is as it was."""
    _ = locale.gettext
    found = []
    if since.versions is not None:
        changed = {change.field.partition(".")[0] for change in since.changes}
        if since.versions[0] == since.versions[1] or not changed:
            found.append(_("definition"))
        else:
            found += [_(word) for name, word in _WORDS.items() if name not in changed]
    if not since.variables and task.spec.get("variables"):
        found.append(_("variables"))
    if not since.other_worker and row.worker_name:
        found.append(_("worker"))
    if not since.other_trigger:
        found.append(_("trigger"))
    return locale.comma.join(found)


_WORDS = {"command": N_("command"), "env": N_("environment"), "args": N_("arguments")}
