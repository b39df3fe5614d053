"""What the pages about users show, and their form."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from api.formats import Locale
from api.pages import account_views
from api.pages.account_views import ROLES, KeyRow, key_row
from api.pages.parts import Address, FilterChip
from common.db.models import ApiKey, User

URL = "/ui/users"


@dataclass(frozen=True)
class PersonForm:
    """The form of a user, as it was typed."""

    username: str = ""
    display_name: str = ""
    email: str = ""
    role: str = "operator"
    may_create_code: bool = True
    password: str = ""

    def values(self, *, new: bool) -> dict[str, Any]:
        """For the input of the services; an empty password is none."""
        found = asdict(self)
        if not self.password:
            del found["password"]
        if not new:
            del found["username"]
        return found


@dataclass(frozen=True)
class PersonRow:
    """A user in a list."""

    username: str
    told: str
    url: str
    role: str
    active: bool
    second_factor: bool
    seen: Markup | str


@dataclass(frozen=True)
class PersonView:
    """A user beside their form."""

    url: str
    told: str
    active: bool
    password: str
    second_factor: bool
    seen: Markup | str
    own: bool
    keys: list[KeyRow]


def person_row(user: User, locale: Locale) -> PersonRow:
    return PersonRow(
        username=user.username,
        told=_told(user),
        url=f"{URL}/{user.id}",
        role=locale.gettext(ROLES.get(user.role, user.role)),
        active=user.is_active,
        second_factor=bool(user.totp_secret),
        seen=_seen(user, locale),
    )


def _told(user: User) -> str:
    return " · ".join(part for part in (user.display_name, user.email) if part)


def _seen(user: User, locale: Locale) -> Markup | str:
    return locale.time_tag(user.last_login_at) if user.last_login_at else locale.gettext("never")


def person_view(user: User, keys: Sequence[ApiKey], locale: Locale, *, own: bool) -> PersonView:
    _ = locale.gettext
    password = _("set") if user.password_hash else _("none")
    if user.must_change_password:
        password = _("to be changed at the next sign-in")
    url = f"{URL}/{user.id}"
    return PersonView(
        url=url,
        told=_told(user),
        active=user.is_active,
        password=password,
        second_factor=bool(user.totp_secret),
        seen=_seen(user, locale),
        own=own,
        keys=[key_row(row, locale, url=url) for row in keys],
    )


def form_of(user: User) -> PersonForm:
    return PersonForm(user.username, user.display_name, user.email, user.role, user.may_create_code)


def chips(address: Address, role: str, active: str, locale: Locale) -> list[FilterChip]:
    _ = locale.gettext
    found = [FilterChip(_("All"), address.url(role="", active=""), not role and not active)]
    for key, label in account_views.role_choices(locale):
        found.append(FilterChip(label, address.url(role=key, active=""), role == key))
    found.append(FilterChip(_("Disabled"), address.url(role="", active="0"), active == "0"))
    return found
