"""What a page shows of the report of an execution: how far it is, what came of it, what to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.formats import Locale
from common.domain import reports
from common.domain.states import ACTIVE, Status
from common.i18n import N_

#: What results say, in words; what is not here is shown under its own name.
_LABELS = {
    "rows": N_("Rows"),
    "file": N_("File"),
    "size": N_("Size"),
    "sheets": N_("Sheets"),
    "inserted": N_("Inserted"),
    "updated": N_("Updated"),
    "rejected": N_("Rejected"),
    "written": N_("Written"),
    "duplicates": N_("Duplicates"),
    "statements": N_("Statements"),
    "transaction": N_("Transaction"),
    "data_source": N_("Data source"),
}
_UNITS = {"rows": N_("rows"), "statements": N_("statements"), "bytes": N_("bytes"), "files": N_("files")}
_VALUES = {"committed": N_("committed"), "rolled back": N_("rolled back"), "none": N_("none")}
_BYTES = ("size", "bytes")


@dataclass(frozen=True)
class ProgressView:
    """The bar: `percent` is None where nobody knows how much there is to do."""

    percent: int | None
    done: str
    text: str
    aside: str


@dataclass(frozen=True)
class Cell:
    """One value of a table; `kind` is "null", "number" or "text"."""

    text: str
    kind: str


@dataclass(frozen=True)
class TableView:
    """Rows that a result shows."""

    title: str
    note: str
    columns: Sequence[str]
    #: Whether a column holds numbers, for each.
    numeric: Sequence[bool]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class StatementView:
    """One statement of a script."""

    number: str
    outcome: str
    text: str
    rows: str
    seconds: str
    error: str


@dataclass(frozen=True)
class ReportView:
    """All of it."""

    progress: ProgressView | None
    facts: Sequence[tuple[str, str]]
    statements: Sequence[StatementView]
    statements_note: str
    tables: Sequence[TableView]
    warnings: Sequence[str]


def report_view(
    report: Mapping[str, Any] | None, *, status: str, started_at: datetime | None, locale: Locale
) -> ReportView | None:
    """The view of a stored report; None where there is nothing to show."""
    if report is None:
        return None
    result = report["result"]
    progress = report["progress"] if status != Status.SUCCESS else None
    statements = _list_of_dicts(result.get("script"))
    view = ReportView(
        progress=_progress(progress, status, started_at, locale) if progress else None,
        facts=_facts(result, locale),
        statements=[_statement(each, locale) for each in statements],
        statements_note=_text(result.get("script_note")),
        tables=[_table(each, locale) for each in _list_of_dicts(result.get("tables"))],
        warnings=report["warnings"],
    )
    return view if view.progress or view.facts or view.tables or view.warnings or view.statements else None


def _progress(found: Mapping[str, Any], status: str, started_at: datetime | None, locale: Locale) -> ProgressView:
    _ = locale.gettext
    unit = _(_UNITS.get(found["unit"], found["unit"]))
    fraction = reports.fraction(found)
    of = _("%(done)s of %(total)s %(unit)s") if found["total"] else _("%(done)s %(unit)s")
    done = of % {"done": locale.number(found["done"]), "total": locale.number(found["total"] or 0), "unit": unit}
    aside = []
    if status in ACTIVE and started_at is not None:
        started = started_at.timestamp()
        if (rate := reports.rate(found, started)) is not None:
            aside.append(_("%(n)s %(unit)s/s", n=locale.number(round(rate)), unit=unit))
        if (left := reports.seconds_left(found, started)) is not None:
            aside.append(_("about %(time)s left", time=locale.countdown(max(1, round(left)))))
    percent = None if fraction is None else int(fraction * 100)
    return ProgressView(percent, done, found["text"], locale.comma.join(aside))


def _facts(result: Mapping[str, Any], locale: Locale) -> list[tuple[str, str]]:
    shown = []
    for name, value in result.items():
        if isinstance(value, str | int | float | bool) and name != "script_note":
            shown.append((locale.gettext(_LABELS.get(name, name)), _value(name, value, locale)))
    return shown[:40]


def _value(name: str, value: Any, locale: Locale) -> str:
    match value:
        case bool():
            return locale.gettext("yes") if value else locale.gettext("no")
        case int() if name in _BYTES:
            return locale.size(value)
        case int() | float():
            return locale.number(value)
    return locale.gettext(_VALUES[value]) if value in _VALUES else str(value)


def _statement(found: Mapping[str, Any], locale: Locale) -> StatementView:
    rows, seconds, error = found.get("rows"), found.get("seconds"), _text(found.get("error"))
    ran = isinstance(seconds, int | float)
    return StatementView(
        number=_text(found.get("number")),
        outcome="failed" if error else "success" if ran else "waiting",
        text=_text(found.get("text")),
        rows=locale.number(rows) if isinstance(rows, int) else "",
        seconds=locale.duration(seconds) if isinstance(seconds, int | float) else "",
        error=error,
    )


def _table(found: Mapping[str, Any], locale: Locale) -> TableView:
    columns = [_text(each) for each in found.get("columns") or []]
    rows = [[_cell(each) for each in row] for row in found.get("rows") or [] if isinstance(row, list)]
    total, note = found.get("total"), ""
    if isinstance(total, int) and total > len(rows):
        note = locale.gettext("the first %(n)s of %(total)s rows", n=len(rows), total=locale.number(total))
    elif isinstance(total, int):
        note = locale.ngettext("%(n)s row", "%(n)s rows", total)
    kinds = [{row[number].kind for row in rows if number < len(row)} for number in range(len(columns))]
    numeric = ["number" in each and each <= {"number", "null"} for each in kinds]
    return TableView(_text(found.get("title")), note, columns, numeric, rows)


def _cell(value: Any) -> Cell:
    match value:
        case None:
            return Cell("NULL", "null")
        case bool():
            return Cell("true" if value else "false", "text")
        case int() | float():
            return Cell(str(value), "number")
    return Cell(_text(value), "text")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _list_of_dicts(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
