"""What the page of the audit log shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from api.formats import Locale
from common.db.types import Record
from common.domain.audit import ACTIONS, DONE, OUTCOMES
from common.i18n import N_
from common.queries.audit import AuditQuery

URL = "/ui/audit"
SIZE = 50
_PAGES = {"task": "/ui/tasks", "execution": "/ui/executions"}
_VIA = {
    "page": N_("page"),
    "api": N_("API"),
    "key": N_("API key"),
    "cli": N_("command line"),
    "system": N_("Rota itself"),
}
_ICONS = {"done": "success", "refused": "cancelled", "failed": "failed"}


@dataclass(frozen=True)
class AuditForm:
    """The filters as text; `object` is a kind, or a kind and an id: "task", "task 7"."""

    actor: str = ""
    action: str = ""
    outcome: str = ""
    object: str = ""
    since: str = ""
    until: str = ""
    before: str = ""

    def query(self, locale: Locale) -> AuditQuery:
        """The entries it asks for; times are the reader's."""
        kind, _, number = self.object.strip().replace("#", " ").partition(" ")
        return AuditQuery(
            actor=self.actor.strip(),
            action=self.action if self.action in ACTIONS else "",
            object_kind=kind.lower(),
            object_id=number.strip(),
            outcome=self.outcome if self.outcome in OUTCOMES else "",
            since=_instant(self.since, locale),
            until=_instant(self.until, locale),
            before=int(self.before) if self.before.isdecimal() and int(self.before) else None,
        )

    @property
    def filters(self) -> dict[str, str]:
        """What is set, without the place in the list."""
        return {name: value for name, value in asdict(self).items() if value and name != "before"}


def _instant(text: str, locale: Locale) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=locale.zone).astimezone(UTC) if text else None


@dataclass(frozen=True)
class AuditRow:
    """One entry."""

    when: Markup
    actor: str
    how: str
    action: str
    outcome: str
    word: str
    object: str
    url: str | None
    details: str


@dataclass(frozen=True)
class AuditView:
    """The page."""

    rows: list[AuditRow]
    form: AuditForm
    actions: list[tuple[str, str]]
    outcomes: list[tuple[str, str]]
    exports: list[tuple[str, str]]
    first: str | None
    older: str | None
    zone: str


def audit_view(rows: Sequence[Record], form: AuditForm, locale: Locale) -> AuditView:
    _ = locale.gettext
    shown = rows[:SIZE]
    return AuditView(
        rows=[_row(row, locale) for row in shown],
        form=form,
        actions=[("", _("Everything")), *((key, _(label)) for key, label in ACTIONS.items())],
        outcomes=[("", _("Any")), *((key, _(label)) for key, label in OUTCOMES.items())],
        exports=[(kind.upper(), f"/audit/export?{urlencode(_export(form, locale, kind))}") for kind in ("csv", "json")],
        first=_url(form.filters) if form.before else None,
        older=_url({**form.filters, "before": str(shown[-1].id)}) if len(rows) > SIZE else None,
        zone=locale.zone.key,
    )


def _url(values: Mapping[str, str]) -> str:
    return f"{URL}?{urlencode(values)}" if values else URL


def _export(form: AuditForm, locale: Locale, kind: str) -> dict[str, str]:
    query = form.query(locale)
    texts = {name: getattr(query, name) for name in ("actor", "action", "object_kind", "object_id", "outcome")}
    times = {name: at.isoformat() for name in ("since", "until") if (at := getattr(query, name)) is not None}
    return {name: value for name, value in (texts | times).items() if value} | {"format": kind}


def _row(row: Record, locale: Locale) -> AuditRow:
    _ = locale.gettext
    page = _PAGES.get(row.object_kind)
    told = row.object_name or (f"{row.object_kind} {row.object_id}".strip())
    return AuditRow(
        when=locale.time_tag(row.at, locale.stamp(row.at)),
        actor=row.actor or _("nobody"),
        how=" · ".join(part for part in (_(_VIA.get(row.via, row.via)), row.address) if part),
        action=_(ACTIONS.get(row.action, row.action)),
        outcome="" if row.outcome == DONE else _ICONS.get(row.outcome, "dot"),
        word=_(OUTCOMES.get(row.outcome, row.outcome)),
        object=told,
        url=f"{page}/{row.object_id}" if page and row.object_id.isdecimal() else None,
        details=_details(row.details, locale),
    )


#: Names of details as people say them; what is not here stands as it is written down.
_DETAILS = {
    "fields": N_("fields"),
    "execution": N_("execution"),
    "executions": N_("executions"),
    "method": N_("method"),
    "reason": N_("reason"),
    "task": N_("task"),
    "tasks": N_("tasks"),
    "others": N_("others"),
    "role": N_("role"),
    "owner": N_("owner"),
    "members": N_("members"),
    "scope": N_("scope"),
    "version": N_("version"),
    "size": N_("size"),
    "count": N_("count"),
    "issuer": N_("sign-in service"),
    "place": N_("place"),
    "kind": N_("kind"),
    "until": N_("until"),
}


def _details(details: Mapping[str, Any], locale: Locale) -> str:
    """What else is known, with names in the reader's language; values as they were written down."""
    chinese = locale.lang == "zh_CN"
    colon, semicolon = ("：", "；") if chinese else (": ", "; ")
    return semicolon.join(
        f"{locale.gettext(_DETAILS.get(name, name))}{colon}{_plain(value)}"
        for name, value in details.items()
        if value not in ([], "")
    )


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@dataclass(frozen=True)
class AuditPart:
    """The entries about one thing."""

    rows: list[AuditRow]
    first: str | None
    older: str | None


def of_task(rows: Sequence[Record], url: str, locale: Locale, *, older_than: int | None) -> AuditPart:
    """What was done to a task, for those who may edit it: without the addresses people came from."""
    shown = rows[:SIZE]
    return AuditPart(
        rows=[replace(_row(row, locale), how=locale.gettext(_VIA.get(row.via, row.via))) for row in shown],
        first=url if older_than else None,
        older=f"{url}?before={shown[-1].id}" if len(rows) > SIZE else None,
    )
