"""What the pages of accounts show: roles, keys and sign-ins in words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from markupsafe import Markup

from api.auth import Principal
from api.formats import Locale
from common.db.models import ApiKey, UserSession
from common.domain.permissions import ADMINISTRATOR, OPERATOR, VIEWER
from common.i18n import N_

URL = "/ui/account"
ROLES = {VIEWER: N_("Viewer"), OPERATOR: N_("Operator"), ADMINISTRATOR: N_("Administrator")}
SCOPES = {
    "read": N_("Look at tasks, executions and output"),
    "run": N_("Run and stop tasks"),
    "write": N_("Create, change and delete tasks and calendars"),
    "admin": N_("Administer: users, teams, audit log"),
}
_SHORT = {"read": N_("look"), "run": N_("run"), "write": N_("change"), "admin": N_("administer")}
#: How long a new key is good for.
LIVES: dict[str, tuple[str, timedelta | None]] = {
    "30": (N_("30 days"), timedelta(days=30)),
    "90": (N_("90 days"), timedelta(days=90)),
    "365": (N_("a year"), timedelta(days=365)),
    "": (N_("ever, until you delete it"), None),
}
_TABS = (
    ("profile", URL, N_("Profile")),
    ("password", f"{URL}/password", N_("Password")),
    ("totp", f"{URL}/totp", N_("Second factor")),
    ("sessions", f"{URL}/sessions", N_("Sign-ins")),
    ("identities", f"{URL}/identities", N_("Sign-in services")),
    ("keys", f"{URL}/keys", N_("API keys")),
)
_METHODS = {
    "password": N_("with password"),
    "invitation": N_("through an invitation"),
    "setup": N_("at the set-up"),
    "oidc": N_("by single sign-on"),
}
_DUE = {
    "password": N_("Choose a new password before you go on."),
    "totp": N_("Your role needs a second factor. Set it up before you go on."),
}
#: Names of browsers in a User-Agent, the more special first: Edge and Opera say that they are Chrome, Chrome Safari.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-httpx", "httpx"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class KeyRow:
    """An API key in a list."""

    name: str
    prefix: str
    scopes: str
    expires: str
    used: str
    delete_url: str


@dataclass(frozen=True)
class SessionRow:
    """A sign-in in a list."""

    id: str
    browser: str
    address: str
    method: str
    started: str
    seen: Markup
    current: bool


@dataclass(frozen=True)
class KeyForm:
    """The form of a new key, as it was typed."""

    name: str = ""
    scopes: Sequence[str] = field(default_factory=lambda: ["read"])
    life: str = "90"


def tabs(locale: Locale) -> list[tuple[str, str, str]]:
    """Key, address and word of each page of one's account."""
    return [(key, url, locale.gettext(label)) for key, url, label in _TABS]


def frame(user: Principal, locale: Locale, tab: str) -> dict[str, Any]:
    """What every page of one's account shows around its own part."""
    due = locale.gettext(_DUE[user.duty]) if user.duty else ""
    role = locale.gettext(ROLES.get(user.role, user.role))
    return {"tabs": tabs(locale), "tab": tab, "role": role, "due": due}


def key_row(row: ApiKey, locale: Locale, *, url: str) -> KeyRow:
    _ = locale.gettext
    expires = _("good until %(date)s", date=locale.full_date(row.expires_at)) if row.expires_at else _("good for ever")
    if row.expires_at is not None and row.expires_at <= locale.now:
        expires = _("over since %(date)s", date=locale.full_date(row.expires_at))
    used = _("used %(when)s", when=locale.relative(row.last_used_at)) if row.last_used_at else _("never used")
    words = locale.comma.join(_(_SHORT[scope]) for scope in row.scopes.split() if scope in _SHORT)
    return KeyRow(row.name, row.prefix, words, expires, used, f"{url}/keys/{row.id}/delete")


def session_row(row: UserSession, locale: Locale, *, current: str) -> SessionRow:
    _ = locale.gettext
    return SessionRow(
        id=row.id,
        browser=browser(row.user_agent) or _("Unknown program"),
        address=row.address,
        method=_(_METHODS.get(row.method, row.method)),
        started=_("since %(when)s", when=locale.stamp(row.created_at)),
        seen=locale.time_tag(row.last_seen_at or row.created_at),
        current=row.id == current,
    )


def browser(user_agent: str) -> str:
    """The program in words, such as Firefox, Windows; what is not known by name is shown by its first word."""
    name = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    known = ", ".join(part for part in (name, system) if part)
    return known or re.split(r"[\s/]", user_agent.strip(), maxsplit=1)[0][:40]


def scope_choices(role: Sequence[str], locale: Locale) -> list[tuple[str, str]]:
    return [(key, locale.gettext(label)) for key, label in SCOPES.items() if key in role]


def life_choices(locale: Locale) -> list[tuple[str, str]]:
    return [(key, locale.gettext(label)) for key, (label, _) in LIVES.items()]


def role_choices(locale: Locale) -> list[tuple[str, str]]:
    return [(key, locale.gettext(label)) for key, label in ROLES.items()]
