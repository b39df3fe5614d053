"""The sign-in services that one's account is connected with, and leaving one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Path, Request, Response

from api.auth import Principal
from api.deps import ClockDep, DatabaseDep, ReadDep, SettingsDep
from api.formats import Locale
from api.pages import account_views as views
from api.pages.deps import LocaleDep, PageUser
from api.rendering import done, locale_of, render
from common.config import Settings
from common.db.models import UserIdentity
from common.db.session import ReadSession
from common.errors import DomainError
from common.i18n import localized
from common.services import account, identities, users

URL = f"{views.URL}/identities"
router = APIRouter(prefix=URL, include_in_schema=False)
IdentityId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True)
class IdentityRow:
    """One sign-in service."""

    name: str
    told: str
    url: str
    error: str


@router.get("")
async def identities_page(
    request: Request, user: PageUser, session: ReadDep, locale: LocaleDep, settings: SettingsDep
) -> Response:
    """Which services one signs in with."""
    return await _page(request, user, session, locale, settings)


@router.post("/{identity_id}/disconnect")
async def disconnect(
    request: Request,
    identity_id: IdentityId,
    user: PageUser,
    database: DatabaseDep,
    clock: ClockDep,
    settings: SettingsDep,
    password: Annotated[str, Form(max_length=4096)] = "",
) -> Response:
    """Leave one; whoever has no other way in is refused."""
    locale = locale_of(request)
    try:
        await account.disconnect(
            database,
            clock,
            user.user_id,
            identity_id,
            password=password,
            issuer=settings.oidc_issuer,
            session_id=user.session_id,
        )
    except DomainError as error:
        if error.status == 404:
            raise
        async with database.read() as session:
            wrong = {identity_id: localized(error, locale.lang)}
            return await _page(request, user, session, locale, settings, wrong)
    return done(request, locale.gettext("Disconnected."), URL, leave=True)


async def _page(
    request: Request,
    user: Principal,
    session: ReadSession,
    locale: Locale,
    settings: Settings,
    wrong: dict[int, str] | None = None,
) -> Response:
    stored = await users.get(session, user.user_id)
    found = await identities.identities_of(session, user.user_id)
    return render(
        request,
        "account/identities.html",
        status=422 if wrong else 200,
        rows=_rows(found, wrong or {}, settings, locale),
        has_password=bool(stored.password_hash),
        email=stored.email,
        **views.frame(user, locale, "identities"),
    )


def _rows(
    found: Sequence[UserIdentity], wrong: dict[int, str], settings: Settings, locale: Locale
) -> list[IdentityRow]:
    _ = locale.gettext
    return [
        IdentityRow(
            name=(row.issuer == settings.oidc_issuer and settings.oidc_name) or urlsplit(row.issuer).netloc,
            told=locale.comma.join(
                (
                    _("since %(when)s", when=locale.full_date(row.created_at)),
                    _("used %(when)s", when=locale.relative(row.last_login_at)),
                )
            ),
            url=f"{URL}/{row.id}/disconnect",
            error=wrong.get(row.id or 0, ""),
        )
        for row in found
    ]
