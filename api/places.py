"""Every place that the navigation leads to: one line each, in the order in which they stand.

A page names its place with `{% set nav = "key" %}`. What is not for a role is absent from the navigation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.domain.permissions import ADMINISTRATOR, OPERATOR, ROLES, VIEWER
from common.i18n import N_

DAILY, DATA, OPERATIONS, ADMINISTRATION = "", N_("Data"), N_("Operations"), N_("Administration")
#: Where one is led who has not said where to.
HOME = "/ui/home"
GROUPS = (DAILY, DATA, OPERATIONS, ADMINISTRATION)


@dataclass(frozen=True)
class Place:
    """A page that the navigation leads to. `count` names the live number beside it, `role` is the least that sees it;
    `leader` is the key that follows `g`."""

    key: str
    url: str
    glyph: str
    label: str
    group: str
    role: str = VIEWER
    count: str = ""
    leader: str = ""


PLACES = (
    Place("home", HOME, "home", N_("Home"), DAILY, count="needs", leader="h"),
    Place("tasks", "/ui/tasks", "tasks", N_("Tasks"), DAILY, count="tasks", leader="t"),
    Place("executions", "/ui/executions", "runs", N_("Executions"), DAILY, leader="e"),
    Place("timeline", "/ui/timeline", "timeline", N_("Timeline"), DAILY, leader="l"),
    Place("programs", "/ui/programs", "code", N_("Programs"), DATA, OPERATOR, leader="p"),
    Place("data_sources", "/ui/data-sources", "db", N_("Data sources"), DATA, OPERATOR, leader="d"),
    Place("uploads", "/ui/uploads", "import", N_("Uploads"), DATA, OPERATOR, leader="u"),
    Place("files", "/ui/files", "files", N_("Files"), DATA, leader="f"),
    Place("queues", "/ui/queues", "queue", N_("Queues"), OPERATIONS, leader="q"),
    Place("workers", "/ui/workers", "worker", N_("Workers"), OPERATIONS, count="workers", leader="w"),
    Place("downtime", "/ui/downtime", "clock", N_("Downtime"), OPERATIONS),
    Place("calendars", "/ui/calendars", "calendar", N_("Calendars"), OPERATIONS),
    Place("storage", "/ui/storage", "storage", N_("Storage"), OPERATIONS),
    Place("people", "/ui/users", "users", N_("Users"), ADMINISTRATION, ADMINISTRATOR),
    Place("teams", "/ui/teams", "team", N_("Teams"), ADMINISTRATION),
    Place("keys", "/ui/account/keys", "key", N_("API keys"), ADMINISTRATION),
    Place("audit", "/ui/audit", "audit", N_("Audit log"), ADMINISTRATION, ADMINISTRATOR),
    Place("settings", "/ui/settings", "settings", N_("Settings"), ADMINISTRATION, ADMINISTRATOR),
)


def places_for(role: str) -> list[Place]:
    """What somebody of this role may open; nobody (an empty role) has no places."""
    return [place for place in PLACES if role in ROLES and ROLES.index(role) >= ROLES.index(place.role)]


def grouped(role: str) -> Sequence[tuple[str, list[Place]]]:
    """The same by groups; groups with nothing in them are left out."""
    mine = places_for(role)
    found = [(group, [place for place in mine if place.group == group]) for group in GROUPS]
    return [(group, places) for group, places in found if places]
