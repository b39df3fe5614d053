"""The audit log as a page, for administrators."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access import FOR_ADMINISTRATORS
from api.deps import ReadDep
from api.pages import audit_views as views
from api.pages.audit_views import AuditForm
from api.pages.deps import LocaleDep, PageAdministrator
from api.rendering import render
from common.queries import audit as queries

router = APIRouter(prefix=views.URL, include_in_schema=False)


def audit_form(
    actor: str = "",
    action: str = "",
    outcome: str = "",
    object: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
) -> AuditForm:
    """What the URL asks for, as text; what it asks wrongly counts as not asked."""
    return AuditForm(actor[:64], action[:32], outcome[:16], object[:100], _instant(since), _instant(until), before[:18])


def _instant(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat(timespec="minutes")[:16]
    except ValueError:
        return ""


@router.get("", openapi_extra=FOR_ADMINISTRATORS)
async def show_audit(
    request: Request,
    user: PageAdministrator,
    session: ReadDep,
    locale: LocaleDep,
    form: Annotated[AuditForm, Depends(audit_form)],
) -> Response:
    """Who did what, the newest first."""
    rows = await queries.page(session, form.query(locale), limit=views.SIZE + 1)
    return render(request, "audit.html", block="live", view=views.audit_view(rows, form, locale))
