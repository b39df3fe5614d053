"""What the side of the form says about the schedule that is being typed."""

from pydantic import ValidationError

from api.formats import Locale
from api.pages.schedule_words import SchedulePreview, preview_of
from api.pages.task_form import KEEP, TaskForm
from api.problems import field_errors
from common.db.session import ReadSession
from common.domain.triggers import InvalidSchedule, parse
from common.errors import DomainError
from common.i18n import localized
from common.services import schedules
from common.services.inputs import ScheduleInput


async def preview_from(session: ReadSession, form: TaskForm, locale: Locale, *, count: int) -> SchedulePreview:
    """The sentence and the next runs under the calendar, or what is wrong with what was typed."""
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
        item = ScheduleInput.model_validate({"kind": kind, "expr": expr, **form.calendar_values()})
        choice = await schedules.calendar_of(session, item, trigger, now=locale.now)
        return preview_of(choice.schedule, locale, count=count)
    except InvalidSchedule as error:
        text = locale.gettext(error.template)
        return SchedulePreview(error=text.format(**error.params) if error.params else text)
    except DomainError as error:
        return SchedulePreview(error=localized(error, locale.lang))
    except ValidationError as error:
        return SchedulePreview(error=field_errors(error.errors(include_url=False), locale.lang)[0]["message"])
