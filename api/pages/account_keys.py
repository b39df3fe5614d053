"""The page of one's API keys."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from pydantic import ValidationError

from api.deps import ReadDep, WriteDep
from api.formats import Locale
from api.pages import account_views as views
from api.pages.account_views import KeyForm
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageUser, WriteLocaleDep
from api.problems import field_errors
from api.rendering import done, render
from common.db.session import ReadSession
from common.domain.permissions import scopes_of
from common.errors import DomainError, NotFound
from common.i18n import localized
from common.services import apikeys, users
from common.services.apikeys import KeyInput

URL = f"{views.URL}/keys"
router = APIRouter(prefix=URL, include_in_schema=False)
KeyId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Text = Annotated[str, Form(max_length=4096)]


@router.get("")
async def keys_page(request: Request, user: PageUser, session: ReadDep, locale: LocaleDep) -> Response:
    """One's keys, and the form for a new one."""
    return await _page(request, user, session, locale, KeyForm(), {})


@router.post("")
async def create_key(
    request: Request,
    user: PageUser,
    session: WriteDep,
    locale: WriteLocaleDep,
    name: Text = "",
    scopes: Annotated[list[str] | None, Form(max_length=10)] = None,
    life: Text = "",
) -> Response:
    """Make a key and show it, this once."""
    form = KeyForm(name, scopes or [], life if life in views.LIVES else "90")
    lifetime = views.LIVES[form.life][1]
    try:
        expires = locale.now + lifetime if lifetime else None
        data = KeyInput.model_validate({"name": name, "scopes": form.scopes, "expires_at": expires})
        row, text = await apikeys.create(session, await users.get(session, user.user_id), data, now=locale.now)
    except ValidationError as error:
        items = field_errors(error.errors(include_url=False), locale.lang)
        wrong = {item["field"].partition(".")[0]: item["message"] for item in items}
        return await _page(request, user, session, locale, form, wrong)
    except DomainError as error:
        wrong = {error.field or "name": localized(error, locale.lang)}
        return await _page(request, user, session, locale, form, wrong)
    created = {"name": row.name, "prefix": row.prefix, "text": text}
    return render(request, "account/keys.html", created=created, **views.frame(user, locale, "keys"))


@router.post("/{key_id}/delete")
async def delete_key(
    request: Request,
    key_id: KeyId,
    user: PageUser,
    session: WriteDep,
    locale: WriteLocaleDep,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Delete one of one's keys."""
    if not confirmed:
        found = [row for row in await apikeys.of_user(session, user.user_id) if row.id == key_id]
        if not found:
            raise NotFound("There is no key {id}.", id=key_id)
        return ask(request, question(found[0].name, f"{URL}/{key_id}/delete", URL, locale))
    row = await apikeys.revoke(session, user.user_id, key_id, now=locale.now)
    return done(request, locale.gettext("%(name)s is deleted.", name=row.name), URL)


def question(name: str, url: str, back: str, locale: Locale) -> Question:
    """Whether the key shall really go."""
    _ = locale.gettext
    told = _("Programs that use it are refused from then on.")
    asked = _("Delete %(name)s?", name=name)
    return Question(asked, told, url, _("Delete the key"), _("Keep it"), back=back, danger=True)


async def _page(
    request: Request, user: PageUser, session: ReadSession, locale: Locale, form: KeyForm, wrong: dict[str, str]
) -> Response:
    rows = await apikeys.of_user(session, user.user_id)
    return render(
        request,
        "account/keys.html",
        block="live",
        status=422 if wrong else 200,
        rows=[views.key_row(row, locale, url=views.URL) for row in rows],
        created=None,
        form=form,
        errors=wrong,
        scopes=views.scope_choices(scopes_of(user.role), locale),
        lives=views.life_choices(locale),
        **views.frame(user, locale, "keys"),
    )
