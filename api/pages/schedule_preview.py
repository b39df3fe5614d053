"""What the side of the form says about the schedule that is being typed."""

from api.formats import Locale
from api.pages.schedule_words import SchedulePreview, preview_of
from api.pages.task_form import KEEP, TaskForm
from common.domain.triggers import InvalidSchedule, parse


def preview_from(form: TaskForm, locale: Locale, *, count: int) -> SchedulePreview:
    """The sentence and the next runs, or what is wrong with what was typed."""
    _ = locale.gettext
    if form.schedule == "manual":
        return SchedulePreview(sentence=_("Only by hand"))
    if form.schedule == KEEP:
        return SchedulePreview(sentence=_("The schedules stay as they are"))
    expr = {"interval": form.every.strip() + form.unit, "once": form.at.strip()}.get(form.schedule, form.cron.strip())
    if not expr or (form.schedule == "interval" and not form.every.strip()):
        return SchedulePreview(sentence=_("No schedule yet"), remark=_("Its words and next runs appear here."))
    try:
        kind = form.schedule if form.schedule in ("interval", "once") else "cron"
        trigger = parse(kind, expr, timezone=form.timezone.strip() or "UTC", now=locale.now)
        return preview_of(trigger, locale, count=count)
    except InvalidSchedule as error:
        text = locale.gettext(error.template)
        return SchedulePreview(error=text.format(**error.params) if error.params else text)
