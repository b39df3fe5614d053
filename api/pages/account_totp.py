"""The page of one's second factor. Nothing is stored until a code proves that the app has the secret."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from markupsafe import Markup

from api.deps import ClockDep, DatabaseDep, ReadDep
from api.pages import account_views as views
from api.pages.deps import PagePerson
from api.rendering import done, locale_of, render
from common.db.session import Database
from common.errors import DomainError
from common.i18n import localized
from common.security import totp
from common.services import account, second_factor, users

URL = f"{views.URL}/totp"
own = APIRouter(prefix=URL, include_in_schema=False)
Text = Annotated[str, Form(max_length=4096)]


@own.get("")
async def totp_page(request: Request, user: PagePerson, session: ReadDep) -> Response:
    """Whether it is on, and what one can do about it."""
    return await _page(request, user, session, {})


@own.post("")
async def set_up_totp(request: Request, user: PagePerson, session: ReadDep) -> Response:
    """A fresh secret, as a picture for the app."""
    stored = await users.get(session, user.user_id)
    return _set_up(request, user, totp.new_secret(), {}, has_password=bool(stored.password_hash))


@own.post("/confirm")
async def confirm_totp(
    request: Request,
    user: PagePerson,
    database: DatabaseDep,
    clock: ClockDep,
    secret: Text = "",
    code: Text = "",
    password: Text = "",
) -> Response:
    """Switch it on, and show the recovery codes this once."""
    try:
        codes = await account.enable_second_factor(
            database,
            clock,
            user.user_id,
            secret,
            code,
            password=password,
            keyring=request.app.state.keyring,
            session_id=user.session_id,
        )
    except DomainError as error:
        has_password = await _has_password(database, user)
        return _set_up(request, user, secret, _wrong(request, error, "code"), has_password=has_password)
    return _render(request, user, codes=codes, fresh=True)


@own.post("/codes")
async def renew_codes(
    request: Request, user: PagePerson, database: DatabaseDep, clock: ClockDep, password: Text = ""
) -> Response:
    """New recovery codes, shown this once."""
    try:
        codes = await account.renew_recovery_codes(database, clock, user.user_id, password=password)
    except DomainError as error:
        async with database.read() as session:
            return await _page(request, user, session, _wrong(request, error, "password"))
    return _render(request, user, codes=codes, fresh=False)


@own.post("/off")
async def switch_off(
    request: Request, user: PagePerson, database: DatabaseDep, clock: ClockDep, password: Text = ""
) -> Response:
    """Switch it off."""
    try:
        await account.disable_second_factor(database, clock, user.user_id, password=password)
    except DomainError as error:
        wrong = {"password_off": localized(error, locale_of(request).lang)}
        async with database.read() as session:
            return await _page(request, user, session, wrong)
    return done(request, locale_of(request).gettext("The second factor is off."), URL, leave=True)


def _wrong(request: Request, error: DomainError, field: str) -> dict[str, str]:
    return {error.field or field: localized(error, locale_of(request).lang)}


async def _has_password(database: Database, user: PagePerson) -> bool:
    async with database.read() as session:
        return bool((await users.get(session, user.user_id)).password_hash)


async def _page(request: Request, user: PagePerson, session: ReadDep, wrong: dict[str, str]) -> Response:
    stored = await users.get(session, user.user_id)
    left = await second_factor.codes_left(session, user.user_id)
    text = locale_of(request).ngettext("%(n)s recovery code left", "%(n)s recovery codes left", left)
    on, has_password = bool(stored.totp_secret), bool(stored.password_hash)
    return _render(request, user, wrong, on=on, left=text, has_password=has_password)


def _set_up(request: Request, user: PagePerson, secret: str, wrong: dict[str, str], *, has_password: bool) -> Response:
    # Our own drawing of base32 letters and a user name that has none of < > &.
    secret = secret if totp.is_secret(secret) else totp.new_secret()
    picture = Markup(totp.picture(totp.address(secret, user.username)))
    return _render(request, user, wrong, secret=secret, picture=picture, has_password=has_password)


def _render(request: Request, user: PagePerson, wrong: dict[str, str] | None = None, **values: Any) -> Response:
    defaults = {"codes": None, "fresh": False, "secret": None, "on": False, "left": "", "has_password": True}
    required = user.role in request.app.state.settings.totp_required
    frame = views.frame(user, locale_of(request), "totp") | ({"due": ""} if values.get("codes") else {})
    status = 422 if wrong else 200
    shown = {**defaults, **values, "required": required, "errors": wrong or {}}
    return render(request, "account/totp.html", status=status, **shown, **frame)
