"""Data sources: databases that tasks read from and write to."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from api.deps import ClockDep, DatabaseDep, KeyringDep, ReadDep, SettingsDep, WriteDep, WriteNow
from api.problems import language
from api.schemas.base import Page, PageNumber, PageSize, Search
from api.schemas.data_sources import DataSourceOut, ProbeOut
from api.schemas.tasks import Deleted
from common.clock import Clock
from common.datasources.source import Source
from common.db.session import Database
from common.queries import data_sources as queries
from common.services import data_sources, references, rights
from common.services.data_sources import DataSourceInput, DataSourceUpdate, Kind, Probe

router = APIRouter(prefix="/data-sources", tags=["data sources"])
DataSourceId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the data source.")]


@router.get("")
async def list_data_sources(
    session: ReadDep,
    search: Search = "",
    kind: Kind | None = None,
    page: PageNumber = 1,
    page_size: PageSize = 50,
) -> Page[DataSourceOut]:
    """Data sources that you may give to tasks, by name: yours and everyone's, to administrators all. No passwords."""
    rows, total = await queries.page(session, search=search, kind=kind or "", page=page, page_size=page_size)
    used = await references.users_of(session, "data_source", [row.id for row in rows])
    items = [DataSourceOut.of(row, used.get(row.id, [])) for row in rows]
    return Page[DataSourceOut].of(items, total=total, page=page, page_size=page_size)


@router.post("", status_code=201)
async def create_data_source(
    data: DataSourceInput, database: DatabaseDep, settings: SettingsDep, keyring: KeyringDep, clock: ClockDep
) -> DataSourceOut:
    """Create a data source. Its password is encrypted and never shown again. Nothing is connected to yet."""
    await data_sources.check_place(data_sources.described(data), data_sources.rules(settings))
    async with database.write() as session:
        row = await data_sources.create(session, data, keyring=keyring, now=await clock.now(session))
        return DataSourceOut.of(row)


@router.post("/test")
async def try_data_source(
    request: Request, data: DataSourceInput, database: DatabaseDep, settings: SettingsDep, clock: ClockDep
) -> ProbeOut:
    """Try a connection that is not saved; the answer says in plain words what is wrong."""
    async with database.read() as session:
        await rights.check_code(session, {"sql"})
    source = data_sources.described(data)
    found = await data_sources.probe(source, data_sources.rules(settings))
    await _note(database, clock, source, found, None)
    return ProbeOut.of(found, language(request))


@router.get("/{data_source_id:int}")
async def get_data_source(data_source_id: DataSourceId, session: ReadDep) -> DataSourceOut:
    """One data source, and the tasks that use it."""
    row = await data_sources.get(session, data_source_id)
    used = await references.users_of(session, "data_source", [data_source_id])
    return DataSourceOut.of(row, used.get(data_source_id, []))


@router.put("/{data_source_id:int}")
async def update_data_source(
    data_source_id: DataSourceId,
    data: DataSourceUpdate,
    database: DatabaseDep,
    settings: SettingsDep,
    keyring: KeyringDep,
    clock: ClockDep,
) -> DataSourceOut:
    """Change the fields that are given; what starts from now on uses them. Another host, port, user name, kind or TLS
    takes the password again."""
    async with database.read() as session:
        after = await data_sources.stored(session, data_source_id, data, keyring=keyring)
    await data_sources.check_place(after, data_sources.rules(settings))
    async with database.write() as session:
        now = await clock.now(session)
        row = await data_sources.update(session, data_source_id, data, keyring=keyring, now=now)
        used = await references.users_of(session, "data_source", [data_source_id])
        return DataSourceOut.of(row, used.get(data_source_id, []))


@router.delete("/{data_source_id:int}")
async def delete_data_source(
    data_source_id: DataSourceId,
    session: WriteDep,
    now: WriteNow,
    force: Annotated[bool, Query(description="Also when tasks use it: their executions fail from now on.")] = False,
) -> Deleted:
    """Delete a data source that no task uses."""
    await data_sources.delete(session, data_source_id, force=force, now=now)
    return Deleted(id=data_source_id)


@router.post("/{data_source_id:int}/test")
async def probe_data_source(
    request: Request,
    data_source_id: DataSourceId,
    database: DatabaseDep,
    settings: SettingsDep,
    keyring: KeyringDep,
    clock: ClockDep,
    data: DataSourceUpdate | None = None,
) -> ProbeOut:
    """Connect to a data source, as it is or as it would be with the fields given. The answer says in plain words what
    is wrong."""
    async with database.read() as session:
        if data is not None and data.model_fields_set:
            await rights.check_code(session, {"sql"})
        source = await data_sources.stored(session, data_source_id, data, keyring=keyring)
    found = await data_sources.probe(source, data_sources.rules(settings))
    await _note(database, clock, source, found, data_source_id)
    return ProbeOut.of(found, language(request))


async def _note(database: Database, clock: Clock, source: Source, found: Probe, data_source_id: int | None) -> None:
    async with database.write() as session:
        await data_sources.note_test(session, source, found, id=data_source_id, now=await clock.now(session))
