"""Pages about data sources: the list, one of them with a test of its connection, and the form."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Form, Path, Request, Response

from api.access import actor_of
from api.deps import ClockDep, DatabaseDep, KeyringDep, ReadDep, SettingsDep, WriteDep
from api.formats import Locale
from api.pages import data_source_views as views
from api.pages.confirm import Question, ask
from api.pages.data_source_views import URL, SourceForm
from api.pages.deps import LocaleDep, PageWriter, WriteLocaleDep
from api.pages.parts import Address, pager
from api.rendering import done, is_fragment, locale_of, render
from common.clock import Clock
from common.config import Settings
from common.datasources.source import KINDS, Source
from common.db.session import Database, ReadSession
from common.db.types import Record
from common.domain.permissions import Actor, sees_all
from common.domain.variables import may_edit
from common.errors import DomainError
from common.i18n import localized
from common.queries import data_sources as queries
from common.services import data_sources, references, rights
from common.services.data_sources import Probe

router = APIRouter(prefix=URL, include_in_schema=False)
DataSourceId = Annotated[int, Path(ge=1, le=2**63 - 1)]
#: What came of a test, as the template wants it.
Tested: TypeAlias = Mapping[str, Any] | None
_FIELDS = tuple(SourceForm.__dataclass_fields__)


async def _typed(request: Request) -> SourceForm:
    form = await request.form()
    return SourceForm(**{name: value for name in _FIELDS if isinstance(value := form.get(name), str)})


@router.get("")
async def list_data_sources(
    request: Request, user: PageWriter, session: ReadDep, locale: LocaleDep, page: str = "1", q: str = ""
) -> Response:
    """The data sources that the reader may use."""
    number = max(1, int(page)) if page.isdecimal() and 0 < len(page) < 9 else 1
    search = q.strip()[:200]
    found, total = await queries.page(session, search=search, page=number, page_size=views.SIZE)
    used = await references.users_of(session, "data_source", [row.id for row in found])
    pages = pager(Address(URL, {"q": search}), locale, page=number, size=views.SIZE, shown=len(found), total=total)
    rows = views.rows(found, used, actor_of(request), locale)
    return render(request, "data_sources/list.html", block="live", rows=rows, pager=pages, search=search)


@router.get("/create")
async def new_data_source(request: Request, user: PageWriter, locale: LocaleDep) -> Response:
    """An empty form."""
    return _form(request, SourceForm(), locale)


@router.post("/create")
async def create_data_source(
    request: Request,
    user: PageWriter,
    database: DatabaseDep,
    settings: SettingsDep,
    keyring: KeyringDep,
    clock: ClockDep,
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    locale, form = locale_of(request), await _typed(request)
    data, wrong = form.new(locale)
    if data is not None:
        try:
            await data_sources.check_place(data_sources.described(data), data_sources.rules(settings))
            async with database.write() as session:
                row = await data_sources.create(session, data, keyring=keyring, now=await clock.now(session))
            return done(request, _saved(row.name, locale), f"{URL}/{row.id}", leave=True)
        except DomainError as error:
            wrong = {error.field or "": localized(error, locale.lang)}
    return _form(request, form, locale, wrong=wrong)


def _saved(name: str, locale: Locale) -> str:
    return locale.gettext("%(name)s is saved.", name=name)


@router.post("/test")
async def try_data_source(
    request: Request, user: PageWriter, database: DatabaseDep, settings: SettingsDep, clock: ClockDep
) -> Response:
    """Try what the form says, without saving it."""
    locale, form = locale_of(request), await _typed(request)
    data, wrong = form.new(locale)
    tested: Tested = None
    if data is not None:
        try:
            async with database.read() as session:
                await rights.check_code(session, {"sql"})
            source = data_sources.described(data)
            tested = views.told(await _probe(source, database, settings, clock, None), locale)
        except DomainError as error:
            wrong = {error.field or "": localized(error, locale.lang)}
    return _told(request, tested, wrong, locale) or _form(request, form, locale, wrong=wrong, tested=tested)


@router.get("/{data_source_id}")
async def show_data_source(
    request: Request, data_source_id: DataSourceId, user: PageWriter, session: ReadDep, locale: LocaleDep
) -> Response:
    """One data source, what uses it, and a test of its connection."""
    row = await data_sources.get(session, data_source_id)
    return _detail(request, row, await _users(session, data_source_id), locale)


async def _users(session: ReadSession, data_source_id: int) -> Sequence[Record]:
    return (await references.users_of(session, "data_source", [data_source_id])).get(data_source_id, [])


def _detail(request: Request, row: Record, users: Sequence[Record], locale: Locale, tested: Tested = None) -> Response:
    return render(
        request,
        "data_sources/detail.html",
        source=row,
        kind=KINDS[row.kind].title,
        url=f"{URL}/{row.id}",
        facts=views.facts(row, locale),
        users=users,
        may_edit=may_edit(actor_of(request), owner_id=row.owner_id),
        tested=tested,
    )


@router.post("/{data_source_id}/test")
async def probe_data_source(
    request: Request,
    data_source_id: DataSourceId,
    user: PageWriter,
    database: DatabaseDep,
    settings: SettingsDep,
    keyring: KeyringDep,
    clock: ClockDep,
) -> Response:
    """Try a data source: as it is, or as the form says that it is to be."""
    locale, form = locale_of(request), await _typed(request)
    async with database.read() as session:
        row = await data_sources.get(session, data_source_id)
        users = await _users(session, data_source_id)
    changed = "kind" in await request.form()
    data, wrong = form.change(locale) if changed else (None, {})
    tested: Tested = None
    if not wrong:
        try:
            async with database.read() as session:
                if changed:
                    await rights.check_code(session, {"sql"})
                source = await data_sources.stored(session, data_source_id, data, keyring=keyring)
            tested = views.told(await _probe(source, database, settings, clock, data_source_id), locale)
        except DomainError as error:
            wrong = {error.field or "": localized(error, locale.lang)}
    if shown := _told(request, tested, wrong, locale):
        return shown
    if not changed:
        return _detail(request, row, users, locale, tested)
    kept = bool(row.has_password)
    return _form(request, form, locale, data_source_id=data_source_id, kept=kept, wrong=wrong, tested=tested)


async def _probe(
    source: Source, database: Database, settings: Settings, clock: Clock, data_source_id: int | None
) -> Probe:
    found = await data_sources.probe(source, data_sources.rules(settings))
    async with database.write() as session:
        await data_sources.note_test(session, source, found, id=data_source_id, now=await clock.now(session))
    return found


def _told(request: Request, tested: Tested, wrong: dict[str, str], locale: Locale) -> Response | None:
    """What came of a test, as the part of a page that shows it; None where the whole page is wanted."""
    if not is_fragment(request):
        return None
    shown = tested or {"ok": False, "text": locale.gap.join(wrong.values()), "detail": ""}
    return render(request, "data_sources/_tested.html", tested=shown)


@router.get("/{data_source_id}/edit")
async def edit_data_source(
    request: Request, data_source_id: DataSourceId, user: PageWriter, session: ReadDep, locale: LocaleDep
) -> Response:
    """The form of a data source, without its password."""
    row = await data_sources.editable(session, data_source_id)
    return _form(request, SourceForm.of(row), locale, data_source_id=data_source_id, kept=bool(row.has_password))


@router.post("/{data_source_id}/update")
async def update_data_source(
    request: Request,
    data_source_id: DataSourceId,
    user: PageWriter,
    database: DatabaseDep,
    settings: SettingsDep,
    keyring: KeyringDep,
    clock: ClockDep,
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    locale, form = locale_of(request), await _typed(request)
    async with database.read() as session:
        row = await data_sources.editable(session, data_source_id)
    data, wrong = form.change(locale)
    if data is not None:
        try:
            async with database.read() as session:
                after = await data_sources.stored(session, data_source_id, data, keyring=keyring)
            await data_sources.check_place(after, data_sources.rules(settings))
            async with database.write() as session:
                now = await clock.now(session)
                await data_sources.update(session, data_source_id, data, keyring=keyring, now=now)
            return done(request, _saved(after.name, locale), f"{URL}/{data_source_id}", leave=True)
        except DomainError as error:
            wrong = {error.field or "": localized(error, locale.lang)}
    kept = bool(row.has_password)
    return _form(request, form, locale, data_source_id=data_source_id, kept=kept, wrong=wrong)


@router.post("/{data_source_id}/delete")
async def delete_data_source(
    request: Request,
    data_source_id: DataSourceId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a data source that no task uses."""
    _, row = locale.gettext, await data_sources.get(session, data_source_id)
    if not confirmed:
        question = _("Delete %(name)s?", name=row.name)
        told = _("Rota forgets its address and its password. Nothing is deleted in the database itself.")
        yes, no = _("Delete the data source"), _("Keep it")
        return ask(request, Question(question, told, f"{URL}/{row.id}/delete", yes, no, back=URL, danger=True))
    await data_sources.delete(session, data_source_id, now=locale.now)
    return done(request, _("%(name)s is deleted.", name=row.name), URL, leave=True)


def _form(
    request: Request,
    form: SourceForm,
    locale: Locale,
    *,
    data_source_id: int | None = None,
    kept: bool = False,
    wrong: dict[str, str] | None = None,
    tested: Tested = None,
) -> Response:
    """The form with what was typed, but for the password; errors beside their fields, and then the answer is 422."""
    _ = locale.gettext
    actor: Actor = actor_of(request)
    url = f"{URL}/{data_source_id}" if data_source_id else URL
    return render(
        request,
        "data_sources/form.html",
        status=422 if wrong else 200,
        form=form,
        errors=wrong or {},
        heading=_("Edit data source") if data_source_id else _("New data source"),
        action=f"{url}/update" if data_source_id else f"{url}/create",
        test=f"{url}/test",
        back=url,
        kinds=[(kind.name, kind.title) for kind in KINDS.values()],
        tls=[(key, _(label)) for key, label in views.TLS],
        kept=kept,
        tested=tested,
        for_everyone=sees_all(actor) and data_source_id is None,
    )
