"""Tags for the tasks that were chosen in the list: a question, then what became of it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from pydantic import TypeAdapter, ValidationError

from api.deps import WriteDep
from api.formats import Locale
from api.pages.deps import PageWriter, WriteLocaleDep
from api.pages.task_actions import TOLD, Ids
from api.pages.task_form import split_tags
from api.problems import field_errors
from api.rendering import Undo, done, is_fragment, render
from common.db.session import WriteSession
from common.fields import Tag
from common.i18n import localized
from common.queries import tasks as queries
from common.services import tags, tasks

URL = "/ui/tasks/bulk/tags"
router = APIRouter(include_in_schema=False)
Way = Literal["", "add", "remove"]
_TAGS = TypeAdapter(Annotated[list[Tag], Form(min_length=1, max_length=tags.MOST)])


@router.post(URL)
async def change_tags(
    request: Request,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    ids: Ids,
    typed: Annotated[str, Form(alias="tags", max_length=2000)] = "",
    way: Annotated[Way, Form()] = "",
) -> Response:
    """Ask which tags, or give them to the tasks or take them away; every task has its own result."""
    known = await queries.tags(session)
    if not way:
        return _ask(request, ids, "", known, locale)
    try:
        wanted = _TAGS.validate_python(split_tags(typed))
    except ValidationError as error:
        wrong = field_errors(error.errors(include_url=False), locale.lang)[0]["message"]
        return _ask(request, ids, typed, known, locale, wrong if split_tags(typed) else locale.gettext("Write a tag."))
    chosen = {"add": wanted} if way == "add" else {"remove": wanted}

    async def work(session: WriteSession, task_id: int) -> bool:
        return await tags.change(session, task_id, now=locale.now, **chosen)

    results = await tasks.each(session, ids, work, now=locale.now)
    refused = {each.id: localized(each.error, locale.lang) for each in results[:TOLD] if each.error}
    told = _answer(results, way, wanted, locale)
    return done(request, told, "/ui/tasks", undo=_undo(results, way, wanted), refused=refused)


def _ask(
    request: Request, ids: Sequence[int], typed: str, known: Sequence[str], locale: Locale, error: str = ""
) -> Response:
    chosen = sorted(set(ids))
    return render(
        request,
        "tasks/tags.html",
        block="dialog",
        status=422 if error and not is_fragment(request) else 200,
        question=locale.ngettext("Tags of %(n)s task", "Tags of %(n)s tasks", len(chosen)),
        action=URL,
        ids=chosen,
        typed=typed,
        known=known,
        error=error,
    )


def _answer(results: Sequence[tasks.BulkResult], way: str, wanted: Sequence[str], locale: Locale) -> str:
    """How many have become others, and why the rest have not: each reason once."""
    changed, names = sum(bool(each.value) for each in results), locale.comma.join(wanted)
    if way == "add":
        said = locale.ngettext(
            "%(n)s task is tagged %(tags)s.", "%(n)s tasks are tagged %(tags)s.", changed, tags=names
        )
    else:
        said = locale.ngettext(
            "%(n)s task is no longer tagged %(tags)s.",
            "%(n)s tasks are no longer tagged %(tags)s.",
            changed,
            tags=names,
        )
    reasons = dict.fromkeys(localized(each.error, locale.lang) for each in results if each.error)
    return locale.gap.join([said, *list(reasons)[:3]])


def _undo(results: Sequence[tasks.BulkResult], way: str, wanted: Sequence[str]) -> Undo | None:
    """The opposite for those that were changed; of several tags a task may have had some before."""
    changed = [each.id for each in results if each.value]
    if len(wanted) != 1 or not changed or len(changed) > TOLD * 5:
        return None
    return Undo(URL, {"ids": changed, "tags": wanted[0], "way": "remove" if way == "add" else "add"})
