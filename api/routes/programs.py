"""Python programs that tasks run: saved here, with all their versions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Query, Response, UploadFile

from api.deps import ClockDep, DatabaseDep, ReadDep, WriteDep, WriteNow
from api.downloads import attachment
from api.schemas.base import Page, PageNumber, PageSize, Search
from api.schemas.programs import DiffOut, ProgramOut, VersionOut, VersionSource
from api.schemas.tasks import Deleted
from api.uploads import program_of
from common.domain.programs import file_name
from common.queries import programs as queries
from common.services import programs
from common.services.programs import ProgramInput, ProgramUpdate

router = APIRouter(prefix="/programs", tags=["programs"])
ProgramId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the program.")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.")]
Which = Annotated[int, Query(ge=1, le=2**31 - 1)]


@router.get("")
async def list_programs(
    session: ReadDep, search: Search = "", page: PageNumber = 1, page_size: PageSize = 50
) -> Page[ProgramOut]:
    """Programs that you may give to tasks, by name: yours and everyone's, to administrators all."""
    rows, total = await queries.page(session, search=search, page=page, page_size=page_size)
    used = await programs.users_of(session, [row.id for row in rows])
    items = [ProgramOut.of(row, used.get(row.id, [])) for row in rows]
    return Page[ProgramOut].of(items, total=total, page=page, page_size=page_size)


@router.post("", status_code=201)
async def create_program(data: ProgramInput, database: DatabaseDep, clock: ClockDep) -> ProgramOut:
    """Save a program as version 1. What does not compile is saved too, with a warning: it may be for another Python."""
    found = await programs.faults(data.source)
    async with database.write() as session:
        return ProgramOut.of(await programs.create(session, data, now=await clock.now(session)), faults=found)


@router.post("/upload", status_code=201)
async def upload_program(
    file: UploadFile,
    database: DatabaseDep,
    clock: ClockDep,
    name: Annotated[str, Form(max_length=100)] = "",
    note: Annotated[str, Form(max_length=200)] = "",
    replace: Annotated[Literal["true", "false"], Form()] = "false",
) -> ProgramOut:
    """Save a `.py` file. With `replace` it becomes a new version of your program of that name, if there is one."""
    data = await program_of(file, name=name, note=note)
    found = await programs.faults(data.source)
    async with database.write() as session:
        row = await programs.save(session, data, replace=replace == "true", now=await clock.now(session))
    return ProgramOut.of(row, faults=found)


@router.get("/{program_id:int}")
async def get_program(program_id: ProgramId, session: ReadDep) -> ProgramOut:
    """One program, and the tasks that run it."""
    row = await programs.get(session, program_id)
    return ProgramOut.of(row, (await programs.users_of(session, [program_id])).get(program_id, []))


@router.put("/{program_id:int}")
async def update_program(
    program_id: ProgramId, data: ProgramUpdate, database: DatabaseDep, clock: ClockDep
) -> ProgramOut:
    """Change the fields that are given. Another `source` than before is a new version."""
    found = await programs.faults(data.source)
    async with database.write() as session:
        row = await programs.update(session, program_id, data, now=await clock.now(session))
        return ProgramOut.of(row, (await programs.users_of(session, [program_id])).get(program_id, []), found)


@router.delete("/{program_id:int}")
async def delete_program(
    program_id: ProgramId,
    session: WriteDep,
    now: WriteNow,
    force: Annotated[bool, Query(description="Also when tasks run it: their executions fail from now on.")] = False,
) -> Deleted:
    """Delete a program that no task runs, with all its versions."""
    await programs.delete(session, program_id, force=force, now=now)
    return Deleted(id=program_id)


@router.get("/{program_id}/source", response_class=Response)
async def download_program(program_id: ProgramId, session: ReadDep) -> Response:
    """The newest version as a file."""
    row, found = await programs.get(session, program_id), await programs.version(session, program_id)
    return attachment(found.source.encode(), file_name(row.name), media_type="text/x-python; charset=utf-8")


@router.get("/{program_id}/versions")
async def list_versions(
    program_id: ProgramId, session: ReadDep, page: PageNumber = 1, page_size: PageSize = 50
) -> Page[VersionOut]:
    """The versions of a program, the newest first."""
    await programs.get(session, program_id)
    rows, total = await queries.versions(session, program_id, page=page, page_size=page_size)
    items = [VersionOut.model_validate(row) for row in rows]
    return Page[VersionOut].of(items, total=total, page=page, page_size=page_size)


@router.get("/{program_id}/versions/{number}")
async def get_version(program_id: ProgramId, number: Number, session: ReadDep) -> VersionSource:
    """One version with its source."""
    return VersionSource.model_validate(await programs.version(session, program_id, number))


@router.post("/{program_id}/versions/{number}/restore")
async def restore_version(program_id: ProgramId, number: Number, session: WriteDep, now: WriteNow) -> ProgramOut:
    """Make an old version the newest again; nothing in between is lost."""
    row = await programs.restore(session, program_id, number, now=now)
    return ProgramOut.of(row, (await programs.users_of(session, [program_id])).get(program_id, []))


@router.get("/{program_id}/diff")
async def diff_versions(program_id: ProgramId, session: ReadDep, old: Which, new: Which) -> DiffOut:
    """What changed between two versions."""
    return DiffOut.of(await programs.difference(session, program_id, old, new))
