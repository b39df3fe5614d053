"""Pages about calendars: the list, and making, changing and deleting date lists of one's own."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response

from api.deps import ReadDep, WriteDep
from api.formats import Locale
from api.pages import calendar_views as views
from api.pages.calendar_views import CalendarForm
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageWriter, RightsDep, WriteLocaleDep
from api.rendering import done, render
from common.db.session import WriteSession
from common.errors import DomainError
from common.i18n import localized
from common.queries import calendars as queries
from common.services import calendars

router = APIRouter(prefix=views.URL, include_in_schema=False)
CalendarId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Text = Annotated[str, Form(max_length=100_000)]


@router.get("")
async def list_calendars(request: Request, session: ReadDep, locale: LocaleDep, rights: RightsDep) -> Response:
    """Own calendars, and some of the built-in ones."""
    rows, _ = await queries.page(session, page=1, page_size=500)
    return render(request, "calendars/list.html", block="live", view=views.calendars_view(rows, locale, rights))


@router.get("/create")
async def new_calendar(request: Request, user: PageWriter, locale: LocaleDep) -> Response:
    """An empty form."""
    return _form(request, CalendarForm(), locale)


@router.post("/create")
async def create_calendar(
    request: Request, user: PageWriter, session: WriteDep, locale: WriteLocaleDep, name: Text = "", dates: Text = ""
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    form = CalendarForm(name, dates)
    if wrong := await _store(session, form, locale):
        return _form(request, form, locale, wrong=wrong)
    return done(request, locale.gettext("%(name)s is created.", name=name.strip()), views.URL)


@router.get("/{calendar_id}/edit")
async def edit_calendar(
    request: Request, calendar_id: CalendarId, user: PageWriter, session: ReadDep, locale: LocaleDep
) -> Response:
    """The form of a stored date list."""
    row = await calendars.get(session, calendar_id)
    return _form(request, views.form_of(row), locale, calendar_id=calendar_id)


@router.post("/{calendar_id}/update")
async def update_calendar(
    request: Request,
    calendar_id: CalendarId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    name: Text = "",
    dates: Text = "",
) -> Response:
    """Store what the form says; schedules that keep to it follow."""
    form = CalendarForm(name, dates)
    await calendars.get(session, calendar_id)
    if wrong := await _store(session, form, locale, calendar_id=calendar_id):
        return _form(request, form, locale, calendar_id=calendar_id, wrong=wrong)
    return done(request, locale.gettext("Saved."), views.URL)


@router.post("/{calendar_id}/delete")
async def delete_calendar(
    request: Request,
    calendar_id: CalendarId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a calendar that no task uses."""
    _, row = locale.gettext, await calendars.get(session, calendar_id)
    name, url = row.name, f"{views.URL}/{calendar_id}/delete"
    if not confirmed:
        question, told = _("Delete %(name)s?", name=name), _("Only a calendar that no task uses can be deleted.")
        yes, no = _("Delete the calendar"), _("Keep it")
        return ask(request, Question(question, told, url, yes, no, back=views.URL, danger=True))
    await calendars.delete(session, calendar_id, now=locale.now)
    return done(request, _("%(name)s is deleted.", name=name), views.URL)


async def _store(
    session: WriteSession, form: CalendarForm, locale: Locale, *, calendar_id: int | None = None
) -> dict[str, str]:
    """Store; what is wrong is returned, and nothing of it stays in the transaction."""
    data, wrong = form.checked(locale)
    if data is None:
        return wrong
    try:
        async with session.begin_nested():
            if calendar_id is None:
                await calendars.create(session, data, now=locale.now)
            else:
                await calendars.update(session, calendar_id, data, now=locale.now)
    except DomainError as error:
        return {"name" if error.field == "name" else "dates": localized(error, locale.lang)}
    return {}


def _form(
    request: Request,
    form: CalendarForm,
    locale: Locale,
    *,
    calendar_id: int | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    """The form with what was typed; errors beside their fields, and then the answer is 422."""
    _ = locale.gettext
    return render(
        request,
        "calendars/form.html",
        status=422 if wrong else 200,
        form=form,
        errors=dict(wrong or {}),
        heading=_("Edit calendar") if calendar_id else _("New calendar"),
        submit=_("Save") if calendar_id else _("Create calendar"),
        action=f"{views.URL}/{calendar_id}/update" if calendar_id else f"{views.URL}/create",
    )
