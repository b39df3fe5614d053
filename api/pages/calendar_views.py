"""What the pages about calendars show, their form, and the choice of one in the form of a task."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import ValidationError

from api.formats import Locale
from api.pages.parts import Rights
from api.problems import field_errors
from common.db.models import Calendar
from common.i18n import N_
from common.services.calendars import CalendarInput

URL = "/ui/calendars"
#: Calendars that pages offer of those built in; the API knows some 250 places.
BUILT_IN = (
    ("CN", N_("China, public holidays")),
    ("CN:working_days", N_("China, working days with make-up days")),
    ("DE", N_("Germany, public holidays")),
    ("DE:working_days", N_("Germany, working days")),
    ("US", N_("United States, public holidays")),
    ("US:working_days", N_("United States, working days")),
)
RULES = (
    ("", N_("As is usual for it")),
    ("only_on", N_("Only on its days")),
    ("never_on", N_("Never on its days")),
    ("shift_next", N_("Shift to the next working day")),
)


@dataclass(frozen=True)
class CalendarRow:
    """One calendar of somebody's own."""

    name: str
    told: str
    edit_url: str | None
    delete_url: str | None


@dataclass(frozen=True)
class CalendarsView:
    """The list."""

    rows: list[CalendarRow]
    built_in: list[tuple[str, str]]
    may_edit: bool


@dataclass(frozen=True)
class CalendarForm:
    """The form as text: a name, and a date a line."""

    name: str = ""
    dates: str = ""

    def checked(self, locale: Locale) -> tuple[CalendarInput | None, dict[str, str]]:
        """What the form means, or what is wrong with it, by field."""
        words = [each for each in re.split(r"[\s,，;；、]+", self.dates) if each]
        try:
            dates = [date.fromisoformat(each) for each in words]
        except ValueError:
            bad = next(each for each in words if not _is_date(each))
            text = locale.gettext("“%(text)s” is no date. Write one a line, for example 2026-12-31.", text=bad[:40])
            return None, {"dates": text}
        try:
            return CalendarInput.model_validate({"name": self.name, "kind": "dates", "dates": dates}), {}
        except ValidationError as error:
            items = field_errors(error.errors(include_url=False), locale.lang)
            return None, {("name" if item["field"] == "name" else "dates"): item["message"] for item in items}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def form_of(row: Calendar) -> CalendarForm:
    return CalendarForm(row.name, "\n".join(row.dates))


def calendars_view(rows: Sequence[Calendar], locale: Locale, rights: Rights) -> CalendarsView:
    return CalendarsView(
        rows=[_row(row, locale, rights) for row in rows],
        built_in=[(name, locale.gettext(label)) for name, label in BUILT_IN],
        may_edit=rights.edit,
    )


def _row(row: Calendar, locale: Locale, rights: Rights) -> CalendarRow:
    url = f"{URL}/{row.id}"
    edit = f"{url}/edit" if rights.edit and row.kind == "dates" else None
    return CalendarRow(row.name, _told(row, locale), edit, f"{url}/delete" if rights.edit else None)


def _told(row: Calendar, locale: Locale) -> str:
    _ = locale.gettext
    if row.kind != "dates":
        place = "-".join(part for part in (row.country, row.subdivision) if part)
        text = N_("%(place)s, working days") if row.kind == "working_days" else N_("%(place)s, public holidays")
        return _(text, place=place)
    count = locale.ngettext("%(n)s date", "%(n)s dates", len(row.dates))
    today = locale.local(locale.now).date().isoformat()
    coming = next((each for each in row.dates if each >= today), None)
    if coming is None:
        return _("%(count)s, all past", count=count)
    day = datetime.fromisoformat(coming).replace(tzinfo=locale.zone)
    return _("%(count)s, next %(date)s", count=count, date=locale.date(day))


def choices(rows: Sequence[Calendar], chosen: str, locale: Locale) -> Mapping[str, list[tuple[str, str]]]:
    """What the form of a task offers: own calendars by id, built-in ones by name, and the one that is set."""
    _ = locale.gettext
    found = [("", _("None")), *((str(row.id), row.name) for row in rows)]
    found += [(name, _(label)) for name, label in BUILT_IN]
    if chosen not in dict(found):
        found.append((chosen, chosen))
    return {"calendar": found, "calendar_rule": [(key, _(label)) for key, label in RULES]}
