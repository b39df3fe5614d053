"""Pages about programs: the list, uploading and writing one, its versions and what changed between them."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response, UploadFile

from api.access import actor_of
from api.deps import ReadDep, WriteDep
from api.formats import Locale
from api.pages import program_views as views
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageWriter, WriteLocaleDep
from api.pages.parts import Address, pager
from api.pages.program_views import URL, ProgramForm
from api.rendering import done, render
from api.uploads import program_of
from common.db.session import ReadSession
from common.domain.permissions import sees_all
from common.domain.variables import may_edit
from common.errors import DomainError
from common.i18n import localized
from common.queries import programs as queries
from common.services import programs

router = APIRouter(prefix=URL, include_in_schema=False)
ProgramId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Text = Annotated[str, Form(max_length=2_000_000)]


def _number(text: str) -> int:
    return max(1, int(text)) if text.isdecimal() and 0 < len(text) < 9 else 1


async def _typed(request: Request) -> ProgramForm:
    form = await request.form()
    names = ("name", "source", "note", "description", "scope", "version")
    texts = {name: value for name in names if isinstance(value := form.get(name), str)}
    return ProgramForm(**texts)


@router.get("")
async def list_programs(
    request: Request, user: PageWriter, session: ReadDep, locale: LocaleDep, page: str = "1", q: str = ""
) -> Response:
    """The programs that the reader may use."""
    number, search = _number(page), q.strip()[:200]
    found, total = await queries.page(session, search=search, page=number, page_size=views.SIZE)
    used = await programs.users_of(session, [row.id for row in found])
    pages = pager(Address(URL, {"q": search}), locale, page=number, size=views.SIZE, shown=len(found), total=total)
    rows = views.rows(found, used, actor_of(request), locale)
    return render(request, "programs/list.html", block="live", rows=rows, pager=pages, search=search)


@router.get("/create")
async def new_program(request: Request, user: PageWriter, session: ReadDep, locale: LocaleDep) -> Response:
    """An empty form."""
    return _form(request, session, ProgramForm(), locale)


@router.post("/create")
async def create_program(request: Request, user: PageWriter, session: WriteDep, locale: WriteLocaleDep) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    form = await _typed(request)
    data, wrong = form.new(locale)
    if data is not None:
        try:
            async with session.begin_nested():
                row = await programs.create(session, data, now=locale.now)
            return await _saved(request, row.id, row.name, data.source, locale)
        except DomainError as error:
            wrong = {error.field or "": localized(error, locale.lang)}
    return _form(request, session, form, locale, wrong=wrong)


@router.post("/upload")
async def upload_program(
    request: Request, user: PageWriter, session: WriteDep, locale: WriteLocaleDep, file: UploadFile
) -> Response:
    """Store a file; the one that has its name gets a new version."""
    try:
        data = await program_of(file)
        async with session.begin_nested():
            row = await programs.save(session, data, replace=True, now=locale.now)
    except DomainError as error:
        return _form(request, session, ProgramForm(), locale, wrong={"file": localized(error, locale.lang)})
    return await _saved(request, row.id, row.name, data.source, locale)


async def _saved(request: Request, program_id: int, name: str, source: str | None, locale: Locale) -> Response:
    """Back to the program, with a word about what does not compile."""
    found = views.faults_told(await programs.faults(source), locale)
    said = locale.gettext("%(name)s is saved.", name=name)
    if found:
        said += locale.gap + locale.gettext("It does not compile with Rota's own Python: %(why)s", why=found[0])
    return done(request, said, f"{URL}/{program_id}", leave=True)


@router.get("/{program_id}")
async def show_program(
    request: Request,
    program_id: ProgramId,
    user: PageWriter,
    session: ReadDep,
    locale: LocaleDep,
    version: str = "",
    page: str = "1",
) -> Response:
    """One version with what it changed, and the others beside it."""
    row = await programs.get(session, program_id)
    shown = await programs.version(session, program_id, _number(version) if version else None)
    change = (
        await programs.difference(session, program_id, shown.number - 1, shown.number) if shown.number > 1 else None
    )
    found, total = await queries.versions(session, program_id, page=_number(page), page_size=views.SIZE)
    listed, pages = views.versions(row, found, shown.number, locale, page=_number(page), total=total)
    used = (await programs.users_of(session, [program_id])).get(program_id, [])
    values: dict[str, Any] = {"program": row, "shown": shown, "versions": listed, "pager": pages, "users": used}
    values["lines"], values["may_edit"] = views.lines(change), may_edit(actor_of(request), owner_id=row.owner_id)
    return render(request, "programs/detail.html", url=f"{URL}/{program_id}", **values)


@router.get("/{program_id}/edit")
async def edit_program(
    request: Request, program_id: ProgramId, user: PageWriter, session: ReadDep, locale: LocaleDep
) -> Response:
    """The form of a program with its newest version."""
    row, newest = await programs.editable(session, program_id), await programs.version(session, program_id)
    form = ProgramForm(row.name, newest.source, "", row.description, version=str(row.version))
    return _form(request, session, form, locale, program_id=program_id)


@router.post("/{program_id}/update")
async def update_program(
    request: Request, program_id: ProgramId, user: PageWriter, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Store what the form says, or show it again with what is wrong."""
    await programs.editable(session, program_id)
    form = await _typed(request)
    data, wrong = form.change(locale)
    if data is not None:
        try:
            async with session.begin_nested():
                row = await programs.update(session, program_id, data, now=locale.now)
            return await _saved(request, row.id, row.name, data.source, locale)
        except DomainError as error:
            wrong = {error.field or "": localized(error, locale.lang)}
    return _form(request, session, form, locale, program_id=program_id, wrong=wrong)


@router.post("/{program_id}/versions/{number}/restore")
async def restore_version(
    request: Request,
    program_id: ProgramId,
    number: Number,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
) -> Response:
    """Make an old version the newest again."""
    row = await programs.restore(session, program_id, number, now=locale.now)
    said = locale.gettext("Version %(old)s is version %(new)s now.", old=number, new=row.version)
    return done(request, said, f"{URL}/{program_id}", leave=True)


@router.post("/{program_id}/delete")
async def delete_program(
    request: Request,
    program_id: ProgramId,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a program that no task runs."""
    _, row = locale.gettext, await programs.get(session, program_id)
    if not confirmed:
        question, told = _("Delete %(name)s?", name=row.name), _("All its versions go with it.")
        yes, no = _("Delete the program"), _("Keep it")
        return ask(request, Question(question, told, f"{URL}/{program_id}/delete", yes, no, back=URL, danger=True))
    await programs.delete(session, program_id, now=locale.now)
    return done(request, _("%(name)s is deleted.", name=row.name), URL)


def _form(
    request: Request,
    session: ReadSession,
    form: ProgramForm,
    locale: Locale,
    *,
    program_id: int | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    """The form with what was typed; errors beside their fields, and then the answer is 422."""
    _ = locale.gettext
    return render(
        request,
        "programs/form.html",
        status=422 if wrong else 200,
        code=True,
        form=form,
        errors=wrong or {},
        heading=_("Edit program") if program_id else _("New program"),
        action=f"{URL}/{program_id}/update" if program_id else f"{URL}/create",
        back=f"{URL}/{program_id}" if program_id else URL,
        program_id=program_id,
        for_everyone=sees_all(session.actor) and program_id is None,
    )
