"""The page of uploads: files that imports read."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response, UploadFile

from api.access import actor_of
from api.deps import ClockDep, DatabaseDep, ReadDep, SettingsDep, StoreDep
from api.formats import Locale
from api.pages.confirm import Question, ask
from api.pages.deps import PageWriter
from api.pages.parts import Address, Link, pager
from api.rendering import done, locale_of, render
from common.artifacts.store import StoreError
from common.config import Settings
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import Actor
from common.domain.variables import EVERYONE, may_edit
from common.errors import DomainError
from common.i18n import localized
from common.queries import uploads as queries
from common.services import references, uploads

URL = "/ui/uploads"
_SIZE = 50
router = APIRouter(prefix=URL, include_in_schema=False)
UploadId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True)
class UploadRow:
    """One upload in the list."""

    name: str
    url: str
    told: str
    users: list[Link]
    import_url: str
    delete_url: str | None


def _row(row: Record, users: list[Record], actor: Actor, locale: Locale) -> UploadRow:
    _ = locale.gettext
    owner = row.owner if row.owner != row.created_by else ""
    whose = _("everyone's") if row.scope == EVERYONE else owner
    when = _("%(who)s, %(when)s", who=row.created_by, when=locale.relative(row.created_at))
    return UploadRow(
        name=row.name,
        url=f"/uploads/{row.id}/content",
        told=locale.comma.join(part for part in (locale.size(row.size), whose, when) if part),
        users=[Link(task.name, f"/ui/tasks/{task.id}") for task in users[:5]],
        import_url=f"/ui/tasks/create?kind=import&spec_upload_id={row.id}",
        delete_url=f"{URL}/{row.id}/delete" if may_edit(actor, owner_id=row.owner_id) else None,
    )


@router.get("")
async def list_uploads(
    request: Request, user: PageWriter, session: ReadDep, settings: SettingsDep, page: str = "1", q: str = ""
) -> Response:
    """The uploads that the reader may use, and the way to bring another."""
    number = max(1, int(page)) if page.isdecimal() and 0 < len(page) < 9 else 1
    return await _list(request, session, settings, number, q.strip()[:200])


async def _list(
    request: Request, session: ReadSession, settings: Settings, number: int = 1, search: str = "", error: str = ""
) -> Response:
    locale = locale_of(request)
    found, total = await queries.page(session, search=search, page=number, page_size=_SIZE)
    used = await references.users_of(session, "upload", [row.id for row in found])
    pages = pager(Address(URL, {"q": search}), locale, page=number, size=_SIZE, shown=len(found), total=total)
    actor = actor_of(request)
    return render(
        request,
        "uploads/list.html",
        block="live",
        status=422 if error else 200,
        rows=[_row(row, used.get(row.id, []), actor, locale) for row in found],
        pager=pages,
        error=error,
        most=locale.size(settings.upload_limit),
    )


@router.post("")
async def upload_file(
    request: Request,
    user: PageWriter,
    database: DatabaseDep,
    settings: SettingsDep,
    store: StoreDep,
    clock: ClockDep,
    file: UploadFile,
) -> Response:
    """Keep a file."""
    locale = locale_of(request)
    async with database.read() as session:
        now = await clock.now(session)
    try:
        row = await uploads.keep(
            database, store, file.file, name=file.filename or "", limit=settings.upload_limit, now=now
        )
    except DomainError as error:
        async with database.read() as session:
            return await _list(request, session, settings, error=localized(error, locale.lang))
    return done(request, locale.gettext("%(name)s is saved.", name=row.name), URL, leave=True)


@router.post("/{upload_id}/delete")
async def delete_upload(
    request: Request,
    upload_id: UploadId,
    user: PageWriter,
    database: DatabaseDep,
    store: StoreDep,
    clock: ClockDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a file that no task reads."""
    locale = locale_of(request)
    _ = locale.gettext
    async with database.read() as session:
        row = await uploads.get(session, upload_id)
    if not confirmed:
        question, told = _("Delete %(name)s?", name=row.name), _("What was imported from it stays in the tables.")
        yes, no = _("Delete the file"), _("Keep it")
        return ask(request, Question(question, told, f"{URL}/{upload_id}/delete", yes, no, back=URL, danger=True))
    async with database.write() as session:
        key = await uploads.delete(session, upload_id, now=await clock.now(session))
    with suppress(StoreError):
        await asyncio.to_thread(store.delete, key)
    return done(request, _("%(name)s is deleted.", name=row.name), URL)
