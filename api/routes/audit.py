"""The audit log, for administrators: to look through, and to take along."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from api.access import FOR_ADMINISTRATORS, administrators
from api.audit_export import FORMATS, Format
from api.deps import DatabaseDep, ReadDep
from api.schemas.audit import AuditEntry, AuditPage
from api.schemas.base import PageSize, Search
from common.queries import audit as queries
from common.queries.audit import AuditQuery
from common.services import audit
from common.services.inputs import Time

router = APIRouter(prefix="/audit", tags=["audit"], dependencies=[administrators])


def audit_query(
    actor: Search = "",
    action: Search = "",
    object_kind: Search = "",
    object_id: Search = "",
    outcome: Literal["", "done", "refused", "failed"] = "",
    since: Time | None = None,
    until: Time | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only entries older than this one.")] = None,
) -> AuditQuery:
    """The entries that a request asks for."""
    return AuditQuery(actor, action, object_kind, object_id, outcome, since, until, before)


QueryDep = Annotated[AuditQuery, Depends(audit_query)]


@router.get("", openapi_extra=FOR_ADMINISTRATORS)
async def list_audit(session: ReadDep, query: QueryDep, page_size: PageSize = 50) -> AuditPage:
    """Who did what, the newest first: changes, runs by hand, sign-ins, and what was refused."""
    rows = await queries.page(session, query, limit=page_size + 1)
    items = [AuditEntry.of(row) for row in rows[:page_size]]
    return AuditPage(items=items, next=items[-1].id if len(rows) > page_size else None)


@router.get("/export", openapi_extra=FOR_ADMINISTRATORS, response_class=StreamingResponse)
async def export_audit(
    database: DatabaseDep, query: QueryDep, format: Annotated[Format, Query()] = "csv"
) -> StreamingResponse:
    """All entries as one file: `csv` for spreadsheets, or `json`."""
    media_type, write = FORMATS[format]
    return StreamingResponse(
        write(audit.every(database, query)),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="audit.{format}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )
