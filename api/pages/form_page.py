"""The page with the form of a task, new or stored."""

from collections.abc import Mapping
from zoneinfo import available_timezones

from fastapi import Request, Response

from api.formats import Locale
from api.pages import calendar_views
from api.pages.kinds import FORMS
from api.pages.schedule_preview import preview_from
from api.pages.task_form import KEEP, SCHEDULES, UNITS, TaskForm, zones
from api.pages.task_views import task_url
from api.pages.words import CONCURRENCY, DELIVERY, MISFIRE
from api.rendering import render
from common.db.models import Task
from common.db.session import ReadSession
from common.i18n import N_
from common.kinds import KINDS
from common.queries import calendars as calendar_queries
from common.queries import variables

_STARTS = (
    ("*/5 * * * *", N_("every 5 minutes")),
    ("0 * * * *", N_("every hour")),
    ("30 2 * * *", N_("daily 02:30")),
    ("30 8 * * 1-5", N_("weekdays 08:30")),
    ("0 3 L * *", N_("last day of the month")),
)
_CRON_PARTS = (N_("minute"), N_("hour"), N_("day"), N_("month"), N_("weekday"))


async def show(
    request: Request,
    session: ReadSession,
    form: TaskForm,
    locale: Locale,
    *,
    wrong: Mapping[str, str] | None = None,
    task: Task | None = None,
) -> Response:
    """The form with what was typed; errors beside their fields, and then the answer is 422."""
    _ = locale.gettext
    errors = dict(wrong or {})
    own, _total = await calendar_queries.page(session, page=1, page_size=500)
    kinds = [(key, _(label)) for key, label in SCHEDULES.items()]
    if form.schedule == KEEP:
        kinds.append((KEEP, _("As it is")))
    return render(
        request,
        "tasks/form.html",
        code=True,
        status=422 if errors else 200,
        form=form,
        kinds=[] if task else [(kind.name, _(kind.title), kind.icon) for kind in KINDS.values() if kind.name in FORMS],
        kind=await FORMS[form.kind].show(session, form.spec, locale),
        kind_summary=_(KINDS[form.kind].summary),
        variables=sorted({*await variables.choices(session), *form.variables}),
        is_program=KINDS[form.kind].program,
        errors=errors,
        e_sentence=locale.ngettext("One thing is missing or wrong.", "%(n)s things are missing or wrong.", len(errors)),
        heading=task.name if task else _("New task"),
        crumb=_("Edit") if task else _("New task"),
        submit=_("Save") if task else _("Create task"),
        action=f"{task_url(task.id)}/update" if task else "/ui/tasks/create",
        task_url=task_url(task.id) if task else None,
        task_name=task.name if task else "",
        schedule_kinds=kinds,
        cron_parts=[_(part) for part in _CRON_PARTS],
        starts=[(expr, _(label)) for expr, label in _STARTS],
        units=[(key, _(label)) for key, label in UNITS.items()],
        choices={
            name: [(key, _(label)) for key, label in labels.items()]
            for name, labels in (("concurrency", CONCURRENCY), ("delivery", DELIVERY), ("misfire_policy", MISFIRE))
        },
        calendars=calendar_views.choices(own, form.calendar, locale),
        zones=zones(list(available_timezones())),
        advanced_open=form.advanced_is_set or bool(errors.keys() - {"name", "command", "tags", "cron", "every", "at"}),
        advanced_summary=_advanced(form, locale),
        task_id=task.id if task else "",
        preview=await preview_from(session, form, locale, count=10, task_id=task.id if task else None),
    )


def _advanced(form: TaskForm, locale: Locale) -> str:
    """What the closed section says, in a line."""
    _ = locale.gettext
    timeout = _("timeout %(n)s s", n=form.timeout) if form.timeout else _("no timeout")
    count = int(form.retries) if form.retries.isdecimal() and len(form.retries) < 4 else 0
    again = locale.ngettext("%(n)s retry", "%(n)s retries", count) if count else _("no retries")
    return locale.comma.join((timeout, again, _(CONCURRENCY.get(form.concurrency, form.concurrency)).lower()))
