"""What stands above every tab of a task's page, and what the tabs share."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.formats import Locale
from api.pages import task_views
from api.pages.ledger_views import WhyLine, why_now
from api.pages.task_views import TaskRow
from common.db.session import ReadSession
from common.queries.newest import Last, newest
from common.services import ledger, tasks
from common.services.tasks import TaskView


@dataclass(frozen=True)
class Tab:
    """A part of the task's page."""

    key: str
    name: str
    url: str


@dataclass(frozen=True)
class TaskHead(TaskRow):
    """A task's row, and what its page says of it in sentences."""

    busy: bool
    summary: str | Markup
    why: WhyLine | None
    tabs: list[Tab]


def head_of(view: TaskView, recent: Sequence[Last], locale: Locale, why: WhyLine | None) -> TaskHead:
    """The head; the fire ledger stands among the tabs where the task has one to speak of."""
    row = task_views.task_row(view, recent, locale)
    kept = {name: getattr(row, name) for name in row.__dataclass_fields__}
    return TaskHead(
        **kept,
        busy=bool(view.condition.running or view.condition.pending),
        summary=task_views.summary(row, view, locale),
        why=why,
        tabs=_tabs(row, locale),
    )


def _tabs(row: TaskRow, locale: Locale) -> list[Tab]:
    _ = locale.gettext
    found = [
        Tab("overview", _("Overview"), row.url),
        Tab("executions", _("Executions"), f"{row.url}/executions"),
        Tab("trend", _("Trend"), f"{row.url}/trend"),
        Tab("ledger", _("Fire ledger"), f"{row.url}/ledger"),
        Tab("definition", _("Definition"), f"{row.url}/definition"),
    ]
    if row.may_edit:
        found.append(Tab("audit", _("Audit log"), f"{row.url}/audit"))
    return found


async def load(session: ReadSession, task_id: int, locale: Locale) -> tuple[TaskView, TaskHead, Locale]:
    """The task, its head, and the reader with the task's zone; raises NotFound."""
    view = await tasks.view(session, task_id)
    here = locale.in_zone(view.schedules[0].timezone) if view.schedules else locale
    recent = (await newest(session, [task_id]))[task_id]
    why = why_now(await ledger.why(session, task_id, at=None, now=locale.now), here)
    return view, head_of(view, recent, here, why), here
