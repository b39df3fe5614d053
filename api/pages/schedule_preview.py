"""What the side of the form says about the schedule that is being typed."""

from dataclasses import replace

from pydantic import ValidationError

from api.formats import Locale
from api.pages.schedule_words import SchedulePreview, preview_of
from api.pages.task_form import KEEP, TaskForm
from api.problems import field_errors
from common.db.session import ReadSession
from common.domain.triggers import InvalidSchedule, Observed, Trigger, parse
from common.errors import DomainError
from common.i18n import localized
from common.queries import crowd
from common.services import schedules
from common.services.inputs import ScheduleInput

#: As many others in the same minute are a pile-up.
_CROWD = 5
_SPREAD = 900


async def preview_from(
    session: ReadSession, form: TaskForm, locale: Locale, *, count: int, task_id: int | None = None
) -> SchedulePreview:
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
        item = ScheduleInput.model_validate(
            {"kind": kind, "expr": expr, **form.jitter_values(), **form.calendar_values()}
        )
        choice = await schedules.calendar_of(session, item, trigger, now=locale.now)
        found = preview_of(choice.schedule, locale, count=count)
        return await _with_crowd(session, found, item, choice.schedule, locale, task_id)
    except InvalidSchedule as error:
        text = locale.gettext(error.template)
        return SchedulePreview(error=text.format(**error.params) if error.params else text)
    except DomainError as error:
        return SchedulePreview(error=localized(error, locale.lang))
    except ValidationError as error:
        return SchedulePreview(error=field_errors(error.errors(include_url=False), locale.lang)[0]["message"])


async def _with_crowd(
    session: ReadSession,
    found: SchedulePreview,
    item: ScheduleInput,
    schedule: Trigger | Observed,
    locale: Locale,
    task_id: int | None,
) -> SchedulePreview:
    """The same with who else starts then, and the offer to start a little later each time."""
    _ = locale.gettext
    if item.jitter:
        told = _("Each run starts up to %(time)s later.", time=_span(item.jitter, locale))
        return replace(found, remark=" · ".join([found.remark, told]))
    first = schedule.next_after(locale.now)
    if first is None:
        return found
    others = await crowd.beside(session, first, but=task_id)
    if others < _CROWD:
        return found
    said = locale.ngettext(
        "%(n)s other task starts in the same minute.", "%(n)s other tasks start in the same minute.", others
    )
    second = schedule.next_after(first)
    gap = (second - first).total_seconds() if second else _SPREAD * 2
    spread = int(min(_SPREAD, gap / 2) // 60 * 60) if item.kind != "once" else 0
    label = _("Spread over %(time)s", time=_span(spread, locale)) if spread else ""
    return replace(found, crowd=said, spread=spread, spread_label=label)


def _span(seconds: int, locale: Locale) -> str:
    """Whole minutes without their seconds."""
    whole = seconds < 3600 and not seconds % 60
    return locale.gettext("%(n)s min", n=seconds // 60) if whole else locale.countdown(seconds)
