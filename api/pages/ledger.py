"""The fire ledger of a task: what became of every instant, and why it did or did not run at one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.deps import ReadDep
from api.pages import ledger_views as views
from api.pages import task_head
from api.pages.deps import LocaleDep, TaskId
from api.pages.ledger_views import LedgerForm
from api.rendering import render
from common.queries.ledger import OUTCOMES
from common.services import ledger

router = APIRouter(prefix="/ui/tasks", include_in_schema=False)
Moment = Annotated[str, Query(max_length=40)]


def ledger_form(
    outcome: str = "", since: Moment = "", until: Moment = "", at: Moment = "", page: str = "1"
) -> LedgerForm:
    """What a URL asks for; what it asks wrongly counts as not asked."""
    number = int(page) if page.isdecimal() and 0 < len(page) < 7 else 1
    return LedgerForm(outcome if outcome in OUTCOMES else "", since, until, at, max(1, number))


@router.get("/{task_id}/ledger")
async def show_ledger(
    request: Request,
    task_id: TaskId,
    session: ReadDep,
    locale: LocaleDep,
    form: Annotated[LedgerForm, Depends(ledger_form)],
) -> Response:
    """The ledger, the newest instant first."""
    task, head, here = await task_head.load(session, task_id, locale)
    query = views.query_of(task_id, form, here)
    found = await ledger.page(session, query, number=form.page, size=views.SIZE, now=locale.now)
    at = views.instant(form.at, here)
    answer = await ledger.why(session, task_id, at=at, now=locale.now) if at else None
    view = views.ledger_view(task.task.name, query, form, found, answer, here)
    return render(request, "tasks/ledger.html", block=("chips", "list"), head=head, view=view)
