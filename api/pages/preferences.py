"""Language and theme: cookies, so that the first byte of the next page has them."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api.pages.deps import PagePerson
from api.rendering import LANG_COOKIE, THEME_COOKIE, THEMES, local_path, remember
from common.i18n import LANGUAGES

router = APIRouter(prefix="/ui", include_in_schema=False)


@router.post("/preferences")
async def preferences(
    request: Request,
    user: PagePerson,
    lang: Annotated[str, Form()] = "",
    theme: Annotated[str, Form()] = "",
    back: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Remember what was chosen, and go back to where it was chosen."""
    response = RedirectResponse(local_path(back), status_code=303)
    if lang in LANGUAGES:
        remember(request, response, LANG_COOKIE, lang)
    if theme in THEMES:
        remember(request, response, THEME_COOKIE, theme)
    return response
