"""What pages do to tasks: run, pause, stop, copy, clean up, delete; one task or many. Asks first where it matters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path, Request, Response

from api.access import takes
from api.deps import ClockDep, DatabaseDep, WriteDep
from api.formats import Locale
from api.pages.confirm import Question, ask
from api.pages.deps import STOP_WAIT, PageWriter, TaskId, WriteLocaleDep
from api.pages.ending_view import stopped
from api.pages.task_views import execution_url, task_url
from api.rendering import Undo, done, locale_of
from common.db.session import WriteSession
from common.domain.permissions import Right
from common.domain.states import Status
from common.i18n import N_, localized
from common.services import stopping, tasks
from common.services.inputs import TaskInput

router = APIRouter(prefix="/ui/tasks", include_in_schema=False)

Confirmed = Annotated[bool, Form()]
BulkAction = Literal["pause", "resume", "force_run", "delete"]
Ids = Annotated[list[Annotated[int, Path(ge=1, le=2**63 - 1)]], Form(max_length=1000)]


@router.post("/bulk/{action}")
async def bulk(
    request: Request,
    action: BulkAction,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    ids: Ids,
    confirmed: Confirmed = False,
) -> Response:
    """The same for many tasks; every one has its own result, and the toast says what became of them."""
    if not confirmed and action in ("force_run", "delete"):
        return ask(request, _bulk_question(action, ids, locale))
    results = await tasks.each(session, ids, _work(action, user.username, locale), now=locale.now)
    refused = {each.id: localized(each.error, locale.lang) for each in results[:TOLD] if each.error}
    text = _bulk_answer(action, results, locale)
    return done(request, text, "/ui/tasks", undo=_undo(action, results), refused=refused)


#: Of so many rows the answer says what became of them: it travels in a header.
TOLD = 100
_OPPOSITE = {"pause": "resume", "resume": "pause"}


def _undo(action: BulkAction, results: Sequence[tasks.BulkResult]) -> Undo | None:
    """The opposite for those that were changed."""
    changed = [each.id for each in results if each.ok and each.value is not False]
    if action not in _OPPOSITE or not changed or len(changed) > TOLD * 5:
        return None
    return Undo(f"/ui/tasks/bulk/{_OPPOSITE[action]}", {"ids": changed})


def _work(action: BulkAction, by: str, locale: Locale) -> Callable[[WriteSession, int], Awaitable[Any]]:
    async def work(session: WriteSession, task_id: int) -> Any:
        if action == "delete":
            return await tasks.delete(session, task_id, by=by, now=locale.now)
        if action == "force_run":
            return await tasks.run_now(session, task_id, by=by, now=locale.now)
        was = (await tasks.get(session, task_id)).enabled
        await tasks.set_enabled(session, task_id, action == "resume", now=locale.now, by=by)
        return was != (action == "resume")

    return work


def _bulk_question(action: BulkAction, ids: Sequence[int], locale: Locale) -> Question:
    _, n = locale.gettext, len(set(ids))
    fields = [("ids", str(task_id)) for task_id in ids]
    url = f"/ui/tasks/bulk/{action}"
    if action == "delete":
        return Question(
            locale.ngettext("Delete %(n)s task?", "Delete %(n)s tasks?", n),
            _("Their executions and output go with them. What runs is stopped first."),
            url,
            yes=locale.ngettext("Delete %(n)s task", "Delete %(n)s tasks", n),
            no=_("Keep them"),
            danger=True,
            fields=fields,
        )
    return Question(
        locale.ngettext("Run %(n)s task now?", "Run %(n)s tasks now?", n),
        _("They are queued at once, whatever their schedules say. Paused ones run too."),
        url,
        yes=locale.ngettext("Run %(n)s task", "Run %(n)s tasks", n),
        no=_("Not now"),
        fields=fields,
    )


_DONE = {
    "pause": (N_("Paused %(n)s task."), N_("Paused %(n)s tasks.")),
    "resume": (N_("Resumed %(n)s task."), N_("Resumed %(n)s tasks.")),
    "force_run": (N_("Queued %(n)s task."), N_("Queued %(n)s tasks.")),
    "delete": (N_("Deleted %(n)s task."), N_("Deleted %(n)s tasks.")),
}


def _bulk_answer(action: BulkAction, results: Sequence[tasks.BulkResult], locale: Locale) -> str:
    """How many, and for those that were refused why: each reason once."""
    one, many = _DONE[action]
    good = sum(result.ok for result in results)
    said = [locale.ngettext(one, many, good)] if good or not results else []
    reasons = dict.fromkeys(localized(result.error, locale.lang) for result in results if result.error)
    return locale.gap.join([*said, *list(reasons)[:3]])


@router.post("/{task_id}/run", openapi_extra=takes(Right.RUN))
async def run(
    request: Request,
    task_id: TaskId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Queue the task at once."""
    _, task = locale.gettext, await tasks.get(session, task_id, Right.RUN)
    if not confirmed:
        question = _("Run %(name)s now?", name=task.name)
        told = (
            _("It is queued at once, beside its schedule.")
            if task.enabled
            else _("It is paused and stays paused; this is one run.")
        )
        url = f"{task_url(task_id)}/run"
        return ask(request, Question(question, told, url, yes=_("Run now"), no=_("Not now"), back=task_url(task_id)))
    execution = await tasks.run_now(session, task_id, by=user.username, now=locale.now)
    text = _("%(name)s is queued.", name=task.name)
    return done(request, text, execution_url(execution), link=execution_url(execution))


@router.post("/{task_id}/toggle")
async def toggle(
    request: Request,
    task_id: TaskId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    enabled: Annotated[bool | None, Form()] = None,
) -> Response:
    """Pause or resume; the form says which, so that two clicks in two windows agree."""
    _, task = locale.gettext, await tasks.set_enabled(session, task_id, enabled, now=locale.now, by=user.username)
    text = _("%(name)s is resumed.", name=task.name) if task.enabled else _("%(name)s is paused.", name=task.name)
    undo = Undo(f"{task_url(task_id)}/toggle", {"enabled": "false" if task.enabled else "true"})
    return done(request, text, task_url(task_id), undo=undo)


@router.post("/{task_id}/stop", openapi_extra=takes(Right.RUN))
async def stop(
    request: Request,
    task_id: TaskId,
    user: PageWriter,
    database: DatabaseDep,
    clock: ClockDep,
    confirmed: Confirmed = False,
) -> Response:
    """Stop everything of the task that is queued or runs; what ends within a moment is told of in the answer."""
    async with database.read() as session:
        task = await tasks.get(session, task_id, Right.RUN)
        locale = locale_of(request, await clock.now(session))
    _, url = locale.gettext, task_url(task_id)
    if not confirmed:
        question = _("Stop %(name)s?", name=task.name)
        told = _("All processes it has started are ended. What it has written is kept.")
        return ask(request, Question(question, told, f"{url}/stop", _("Stop it"), _("Let it run"), url, danger=True))

    async def asked(session: WriteSession, now: datetime) -> Mapping[int, Status]:
        return await tasks.stop(session, task_id, by=user.username, now=now)

    seen = await stopping.stop(database, clock, asked, wait=STOP_WAIT)
    nothing = not (seen.endings or seen.cancelled)
    text = _("Nothing of it is running.") if nothing else stopped(task.name, seen.endings, locale)
    return done(request, text, url)


@router.post("/{task_id}/copy", openapi_extra=takes(Right.VIEW))
async def copy(
    request: Request, task_id: TaskId, user: PageWriter, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """The same task once more, paused, ready to be changed."""
    written = tasks.as_input(await tasks.view(session, task_id))
    name = locale.gettext("%(name)s (copy)", name=written["name"][:180])
    kept = {key: value for key, value in written.items() if value is not None}
    task = await tasks.create(
        session,
        TaskInput.model_validate({**kept, "name": name, "enabled": False}),
        owner_id=user.user_id,
        now=locale.now,
    )
    text = locale.gettext("Copied. The copy is paused until you enable it.")
    return done(request, text, f"{task_url(task.id)}/edit", leave=True)


@router.post("/{task_id}/cleanup")
async def cleanup(
    request: Request,
    task_id: TaskId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Delete the finished executions of the task."""
    _, task = locale.gettext, await tasks.get(session, task_id, Right.EDIT)
    if not confirmed:
        question = _("Clean up the history of %(name)s?", name=task.name)
        told = _("All its finished executions and their output are deleted. What is queued or runs stays.")
        url = f"{task_url(task_id)}/cleanup"
        return ask(
            request,
            Question(question, told, url, _("Delete the history"), _("Keep it"), back=task_url(task_id), danger=True),
        )
    count = await tasks.cleanup(session, task_id, now=locale.now)
    text = locale.ngettext("Deleted %(n)s execution.", "Deleted %(n)s executions.", count)
    return done(request, text, task_url(task_id))


@router.post("/{task_id}/delete", openapi_extra=takes(Right.OWN))
async def delete(
    request: Request,
    task_id: TaskId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Delete the task and its history."""
    _, task = locale.gettext, await tasks.get(session, task_id, Right.OWN)
    if not confirmed:
        question = _("Delete %(name)s?", name=task.name)
        told = _("Its executions and their output go with it. What runs is stopped first.")
        url = f"{task_url(task_id)}/delete"
        return ask(
            request,
            Question(question, told, url, _("Delete the task"), _("Keep it"), back=task_url(task_id), danger=True),
        )
    await tasks.delete(session, task_id, by=user.username, now=locale.now)
    text = _("%(name)s is deleted.", name=task.name)
    on_its_page = task_url(task_id) in request.headers.get("hx-current-url", "")
    return done(request, text, "/ui/tasks", leave=on_its_page)
