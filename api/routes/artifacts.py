"""Files of executions: list, download, give out by a link, delete."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access import takes
from api.deps import ReadDep, ReadNow, SettingsDep, SigningKeyDep, StoreDep, WriteDep, WriteNow
from api.downloads import stored
from api.invitations import public_url
from api.schemas.artifacts import ArtifactItem, ArtifactList, ArtifactOut, Gone, LinkOut
from api.schemas.base import ExecutionId, Search
from common.domain.permissions import Right
from common.queries import artifacts as queries
from common.queries.artifacts import ArtifactQuery
from common.services import artifacts, executions

router = APIRouter(tags=["files"])
public = APIRouter(tags=["files"])
_MAX_ID = 2**63 - 1
ArtifactId = Annotated[int, Path(ge=1, le=_MAX_ID, description="Id of the file.")]
_OptionalId = Annotated[int | None, Query(ge=1, le=_MAX_ID)]


class LinkInput(BaseModel):
    """For how long a link shall work."""

    model_config = ConfigDict(extra="forbid")

    hours: float = Field(
        168, gt=0, le=87_600, allow_inf_nan=False, description="Not beyond the file's own end, nor `ROTA_LINK_DAYS`."
    )


@router.get("/executions/{execution_id}/artifacts")
async def execution_artifacts(execution_id: ExecutionId, session: ReadDep, now: ReadNow) -> list[ArtifactOut]:
    """The files that an execution left, those of its last attempt first."""
    await executions.get(session, execution_id)
    return [ArtifactOut.of(row) for row in await queries.of_execution(session, execution_id, now=now)]


@router.get("/artifacts")
async def list_artifacts(
    session: ReadDep,
    now: ReadNow,
    task_id: _OptionalId = None,
    search: Search = "",
    before: _OptionalId = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ArtifactList:
    """List files of all tasks, the newest first; `search` looks in their names."""
    query = ArtifactQuery(task_id, search, before, limit)
    rows = await queries.page(session, query, now=now)
    total, size = await queries.totals(session, query, now=now)
    follows = rows[-1].id if len(rows) == limit else None
    return ArtifactList(items=[ArtifactItem.of(row) for row in rows], next=follows, total=total, total_size=size)


@router.get("/artifacts/{artifact_id}", response_class=Response)
async def download_artifact(artifact_id: ArtifactId, session: ReadDep, now: ReadNow, store: StoreDep) -> Response:
    """Download a file."""
    return await stored(store, await artifacts.get(session, artifact_id, now=now))


@router.post("/artifacts/{artifact_id}/link", openapi_extra=takes(Right.RUN))
async def link_artifact(
    request: Request,
    artifact_id: ArtifactId,
    session: WriteDep,
    now: WriteNow,
    settings: SettingsDep,
    key: SigningKeyDep,
    data: LinkInput | None = None,
) -> LinkOut:
    """Make a link that gives the file to whoever has it, without a sign-in, until it expires."""
    lifetime = timedelta(hours=(data or LinkInput()).hours)
    longest = timedelta(days=settings.link_days)
    made = await artifacts.link(session, artifact_id, signing_key=key, lifetime=lifetime, longest=longest, now=now)
    return LinkOut(url=public_url(request) + made.path, expires_at=made.expires_at)


@router.delete("/artifacts/{artifact_id}/link", openapi_extra=takes(Right.RUN))
async def revoke_links(artifact_id: ArtifactId, session: WriteDep, now: WriteNow) -> Gone:
    """End every link to the file at once."""
    await artifacts.revoke_links(session, artifact_id, now=now)
    return Gone(id=artifact_id)


@router.delete("/artifacts/{artifact_id}")
async def delete_artifact(artifact_id: ArtifactId, session: WriteDep, now: WriteNow) -> Gone:
    """Delete a file before its time."""
    await artifacts.delete(session, artifact_id, now=now)
    return Gone(id=artifact_id)


@public.get("/files/{artifact_id}/{expires}/{signature}", response_class=Response)
async def download_by_link(
    artifact_id: ArtifactId,
    expires: Annotated[int, Path(ge=0, le=2**40)],
    signature: Annotated[str, Path(max_length=100)],
    session: ReadDep,
    now: ReadNow,
    store: StoreDep,
    key: SigningKeyDep,
) -> Response:
    """Download a file by a link that `POST /artifacts/{artifact_id}/link` made; needs no sign-in."""
    row = await artifacts.by_link(session, artifact_id, expires, signature, signing_key=key, now=now)
    return await stored(store, row)
