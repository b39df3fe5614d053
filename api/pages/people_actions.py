"""What administrators do with an account: invite, sign out, disable, delete, and take away keys and second factor."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response

from api.access import FOR_ADMINISTRATORS
from api.deps import WriteDep
from api.pages import account_keys
from api.pages import people_views as views
from api.pages.confirm import Question, ask
from api.pages.deps import PageAdministrator, WriteLocaleDep
from api.pages.people import show_invitation
from api.rendering import done
from common.errors import NotFound
from common.services import apikeys, people, second_factor, users
from common.services.users import UserPatch

router = APIRouter(prefix=f"{views.URL}/{{user_id}}", include_in_schema=False)
UserId = Annotated[int, Path(ge=1, le=2**63 - 1)]
KeyId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Confirmed = Annotated[bool, Form()]


@router.post("/invitation", openapi_extra=FOR_ADMINISTRATORS)
async def invite(
    request: Request, user_id: UserId, user: PageAdministrator, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Make a one-time link, and show it this once."""
    stored = await users.get(session, user_id)
    token = await users.invite(session, stored, now=locale.now)
    return show_invitation(request, stored, token, locale.gettext("Link to choose a password"))


@router.post("/sign-out", openapi_extra=FOR_ADMINISTRATORS)
async def sign_out(
    request: Request, user_id: UserId, user: PageAdministrator, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """End every sign-in of the user."""
    ended = await people.sign_out(session, user_id, now=locale.now)
    told = locale.ngettext("%(n)s sign-in is ended.", "%(n)s sign-ins are ended.", ended)
    return done(request, told, f"{views.URL}/{user_id}")


@router.post("/totp-off", openapi_extra=FOR_ADMINISTRATORS)
async def totp_off(
    request: Request,
    user_id: UserId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Switch the user's second factor off."""
    _, stored, back = locale.gettext, await users.get(session, user_id), f"{views.URL}/{user_id}"
    if not confirmed:
        asked = _("Switch the second factor of %(name)s off?", name=stored.username)
        told = _("Their password alone will be enough until they set it up again. Make sure that it is they who ask.")
        return ask(request, Question(asked, told, f"{back}/totp-off", _("Switch it off"), _("Keep it"), back, True))
    await second_factor.disable(session, stored, now=locale.now)
    return done(request, _("The second factor is off."), back)


@router.post("/disable", openapi_extra=FOR_ADMINISTRATORS)
async def disable(
    request: Request,
    user_id: UserId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Keep the user out."""
    _, stored, back = locale.gettext, await users.get(session, user_id), f"{views.URL}/{user_id}"
    if not confirmed:
        asked = _("Disable %(name)s?", name=stored.username)
        told = _("They are signed out everywhere and their API keys are refused. Their tasks stay and run on.")
        return ask(request, Question(asked, told, f"{back}/disable", _("Disable"), _("Cancel"), back, True))
    await users.change(session, user_id, UserPatch(is_active=False), now=locale.now)
    return done(request, _("%(name)s is disabled.", name=stored.username), back, leave=True)


@router.post("/enable", openapi_extra=FOR_ADMINISTRATORS)
async def enable(
    request: Request, user_id: UserId, user: PageAdministrator, session: WriteDep, locale: WriteLocaleDep
) -> Response:
    """Let the user in again."""
    stored = await users.change(session, user_id, UserPatch(is_active=True), now=locale.now)
    told = locale.gettext("%(name)s is enabled.", name=stored.username)
    return done(request, told, f"{views.URL}/{user_id}", leave=True)


@router.post("/delete", openapi_extra=FOR_ADMINISTRATORS)
async def delete(
    request: Request,
    user_id: UserId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Delete a user who owns no tasks."""
    _, stored, back = locale.gettext, await users.get(session, user_id), f"{views.URL}/{user_id}"
    if not confirmed:
        asked = _("Delete %(name)s?", name=stored.username)
        told = _("Account and API keys are gone for good. Whoever owns tasks can be disabled, not deleted.")
        return ask(request, Question(asked, told, f"{back}/delete", _("Delete the user"), _("Keep them"), back, True))
    await users.remove(session, user_id, now=locale.now)
    return done(request, _("%(name)s is deleted.", name=stored.username), views.URL, leave=True)


@router.post("/keys/{key_id}/delete", openapi_extra=FOR_ADMINISTRATORS)
async def delete_key(
    request: Request,
    user_id: UserId,
    key_id: KeyId,
    user: PageAdministrator,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Confirmed = False,
) -> Response:
    """Delete one of the user's API keys."""
    back = f"{views.URL}/{user_id}"
    if not confirmed:
        found = [row for row in await apikeys.of_user(session, user_id) if row.id == key_id]
        if not found:
            raise NotFound("There is no key {id}.", id=key_id)
        return ask(request, account_keys.question(found[0].name, f"{back}/keys/{key_id}/delete", back, locale))
    row = await apikeys.revoke(session, user_id, key_id, now=locale.now)
    return done(request, locale.gettext("%(name)s is deleted.", name=row.name), back)
