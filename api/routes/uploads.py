"""Uploads: files that people bring, for tasks to read."""

import asyncio
import tempfile
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from api.deps import ClockDep, DatabaseDep, ReadDep, SettingsDep, StoreDep
from api.downloads import stored
from api.schemas.base import Page, PageNumber, PageSize, Search
from api.schemas.tasks import Deleted
from api.schemas.uploads import UploadOut
from common.artifacts.store import StoreError
from common.queries import uploads as queries
from common.services import references, uploads

router = APIRouter(prefix="/uploads", tags=["uploads"])
UploadId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the upload.")]
_FILE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}
_IN_MEMORY = 1 << 20


@router.get("")
async def list_uploads(
    session: ReadDep, search: Search = "", page: PageNumber = 1, page_size: PageSize = 50
) -> Page[UploadOut]:
    """Files that you may give to tasks, the newest first: yours and everyone's, to administrators all."""
    rows, total = await queries.page(session, search=search, page=page, page_size=page_size)
    used = await references.users_of(session, "upload", [row.id for row in rows])
    items = [UploadOut.of(row, used.get(row.id, [])) for row in rows]
    return Page[UploadOut].of(items, total=total, page=page, page_size=page_size)


@router.post("", status_code=201, openapi_extra={"requestBody": _FILE})
async def upload_file(
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    store: StoreDep,
    clock: ClockDep,
    name: Annotated[str, Query(max_length=255, description="What the file is called.")] = "upload.csv",
    scope: Annotated[Literal["own", "everyone"], Query(description="Whose tasks may read it.")] = "own",
) -> UploadOut:
    """Keep a file, which is the body as it is: `curl --data-binary @orders.xlsx '…/uploads?name=orders.xlsx'`."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > settings.upload_limit:
                raise uploads.too_long(settings.upload_limit)
            await asyncio.to_thread(file.write, piece)
        file.seek(0)
        async with database.read() as session:
            now = await clock.now(session)
        kept = await uploads.keep(database, store, file, name=name, scope=scope, limit=settings.upload_limit, now=now)
    return UploadOut.of(kept)


@router.get("/{upload_id}")
async def get_upload(upload_id: UploadId, session: ReadDep) -> UploadOut:
    """One upload, and the tasks that read it."""
    row = await uploads.get(session, upload_id)
    return UploadOut.of(row, (await references.users_of(session, "upload", [upload_id])).get(upload_id, []))


@router.get("/{upload_id}/content", response_class=Response)
async def download_upload(upload_id: UploadId, session: ReadDep, store: StoreDep) -> Response:
    """The file."""
    return await stored(store, await uploads.get(session, upload_id))


@router.delete("/{upload_id}")
async def delete_upload(
    upload_id: UploadId,
    database: DatabaseDep,
    store: StoreDep,
    clock: ClockDep,
    force: Annotated[bool, Query(description="Also when tasks read it: their executions fail from now on.")] = False,
) -> Deleted:
    """Delete a file that no task reads."""
    async with database.write() as session:
        key = await uploads.delete(session, upload_id, force=force, now=await clock.now(session))
    with suppress(StoreError):
        await asyncio.to_thread(store.delete, key)
    return Deleted(id=upload_id)
