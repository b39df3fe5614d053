"""The command palette: tasks, pages and what can be done, by a few letters."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import ReadDep
from api.formats import Locale
from api.pages import task_views
from api.pages.deps import LocaleDep, PageUser
from api.pages.parts import Rights, StateChip
from api.places import places_for
from api.rendering import render
from common.domain.permissions import may_change
from common.queries.tasks import TaskQuery
from common.services import tasks
from common.services.tasks import TaskView

router = APIRouter(prefix="/ui/palette", include_in_schema=False)
_TASKS, _PLACES = 6, 6


@dataclass(frozen=True)
class Choice:
    """One line: a page to open (`url`), or something to do (`post`)."""

    glyph: str
    label: str
    url: str = ""
    post: str = ""
    chip: StateChip | None = None
    note: object = ""
    key: str = ""


@router.get("")
async def palette(
    request: Request,
    user: PageUser,
    session: ReadDep,
    locale: LocaleDep,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What matches the letters; without any the pages and what one can begin."""
    wanted = q.strip()
    query = TaskQuery(search=wanted, sort="name", page_size=_TASKS)
    found = (await tasks.list_page(session, query))[0] if wanted else []
    groups = _groups(user.role, wanted, found, locale)
    return render(request, "palette.html", groups=groups, q=wanted)


def _groups(role: str, wanted: str, found: list[TaskView], locale: Locale) -> list[tuple[str, list[Choice]]]:
    _ = locale.gettext
    pages = [
        Choice(place.glyph, _(place.label), place.url, key=f"g {place.leader}" if place.leader else "")
        for place in places_for(role)
        if wanted.lower() in _(place.label).lower() or wanted.lower() in place.label.lower()
    ]
    groups = [
        (_("Tasks"), [_task(view, locale) for view in found]),
        (_("Do"), _doing(role, wanted, found, locale)),
        (_("Go to"), pages if not wanted else pages[:_PLACES]),
    ]
    return [(label, choices) for label, choices in groups if choices]


def _task(view: TaskView, locale: Locale) -> Choice:
    row = task_views.task_row(view, [view.condition.last] if view.condition.last else [], locale)
    chip = row.chip if row.chip and row.chip.outcome != "success" else None
    return Choice(row.kind_icon, row.name, row.url, chip=chip, note="" if chip else row.next)


def _doing(role: str, wanted: str, found: list[TaskView], locale: Locale) -> list[Choice]:
    _ = locale.gettext
    choices = []
    if found and wanted and Rights.on(found[0].right).run:
        task = found[0].task
        text = _("Run %(name)s now", name=task.name)
        choices.append(Choice("play", text, post=f"/ui/tasks/{task.id}/run"))
    new = _("New task")
    if may_change(role) and wanted.lower() in new.lower():
        choices.append(Choice("plus", new, "/ui/tasks/create", key="n"))
    return choices
