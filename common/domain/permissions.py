"""Who may do what. Roles grow: an operator may all that a viewer may, an administrator all that an operator may."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"
ROLES = (VIEWER, OPERATOR, ADMINISTRATOR)


class Right(IntEnum):
    """What somebody may do with one task; each includes those before it."""

    VIEW = 1
    RUN = 2
    EDIT = 3
    #: Share it, give it away, delete it.
    OWN = 4


#: Rights that an owner may give to others, by their names.
SHARED = {"view": Right.VIEW, "run": Right.RUN, "edit": Right.EDIT}

#: What an API key may be used for: look; run and stop; create, change, delete; administer. None includes another.
READ, RUN, WRITE, ADMIN = "read", "run", "write", "admin"
SCOPES = (READ, RUN, WRITE, ADMIN)
_SCOPES_OF = {VIEWER: (READ,), OPERATOR: (READ, RUN, WRITE), ADMINISTRATOR: SCOPES}


def scopes_of(role: str) -> tuple[str, ...]:
    """The scopes that a key of somebody of this role can have; a key that has more of them has lost those."""
    return _SCOPES_OF.get(role, ())


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf something is done, and the way it came: page, api, key, cli or system."""

    user_id: int | None
    name: str
    role: str
    via: str = "api"
    address: str = ""


#: Rota itself, and whoever has its database anyway (the command line).
SYSTEM = Actor(None, "rota", ADMINISTRATOR, "system")
#: Somebody who is not signed in: sees nothing.
NOBODY = Actor(None, "", "")


def may_change(role: str) -> bool:
    """Whether somebody of this role may create, change and run tasks: whoever may runs commands on the workers."""
    return role in (OPERATOR, ADMINISTRATOR)


def sees_all(actor: Actor) -> bool:
    """Whether nothing is hidden from them."""
    return actor.role == ADMINISTRATOR


def most(actor: Actor) -> Right | None:
    """The most that this role can be given on a task of somebody else's or of their own; None = not even a look."""
    if actor.role == VIEWER:
        return Right.VIEW
    return Right.OWN if may_change(actor.role) else None


#: Kinds of task that run what somebody wrote.
CODE_KINDS = frozenset({"shell", "python", "sql", "export", "import"})
#: What can be changed of such a task without changing what runs; a field that is new is not among them.
NOT_CODE = frozenset(
    {
        "name",
        "description",
        "tags",
        "enabled",
        "schedules",
        "priority",
        "timeout",
        "retries",
        "retry_delay",
        "retry_backoff",
        "concurrency",
        "delivery",
        "misfire_policy",
        "misfire_grace",
        "max_history",
        "files_days",
    }
)


def changes_code(kinds: Collection[str], changed: Collection[str]) -> bool:
    """Whether changing these fields of a task, which is or becomes one of `kinds`, changes the code that runs."""
    return not CODE_KINDS.isdisjoint(kinds) and not NOT_CODE.issuperset(changed)


def crosses_users(before: str | None, after: str | None, changed: Collection[str]) -> str | None:
    """The field by which a change has something else run as a named user (`run_as` `before` and `after` it), or has it
    run as another; None where it does not. Only administrators may: it would lend them that user's rights."""
    if before != after:
        return "run_as"
    return next((name for name in changed if name not in NOT_CODE), None) if after else None


def right_of(actor: Actor, owner_id: int | None, shared: Right | None) -> Right | None:
    """What `actor` may do with a task of `owner_id` that is shared with them for `shared`; None = it is not there."""
    if sees_all(actor):
        return Right.OWN
    given = Right.OWN if owner_id is not None and owner_id == actor.user_id else shared
    limit = most(actor)
    return None if given is None or limit is None else min(given, limit)
