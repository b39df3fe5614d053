"""The API described: /openapi.json and /docs, for people who are signed in. Swagger UI is served from here."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from api.auth import require_page_user, require_settled
from api.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json", dependencies=[Depends(require_settled)])
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


@router.get("/docs", dependencies=[Depends(require_page_user)])
async def docs(request: Request) -> Response:
    """The API, to read and to try."""
    return render(request, "docs.html")
