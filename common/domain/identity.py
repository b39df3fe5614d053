"""Who may sign in with an OpenID Connect provider, as what, and which name somebody new gets. Pure rules.

Whom an account belongs to is told by `issuer` and `subject` alone, which a provider never gives to somebody else. A
name proves nothing (anybody may call themselves admin there), an e-mail address only what the provider has verified.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from common.domain.invalid import N_
from common.domain.permissions import ROLES, VIEWER

_UNUSABLE = re.compile(r"[^\w.@+-]+")
_LONGEST_NAME = 64
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as the provider knows them. `email` is empty unless the provider says that it is verified."""

    issuer: str
    subject: str
    email: str = ""
    username: str = ""
    display_name: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is let in: `domains` of verified addresses (none = all), `roles` by group (none = everybody, as a viewer at
    first), and whether somebody without an account gets one."""

    domains: Sequence[str] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    registration: bool = False


def role_of(identity: Identity, admission: Admission) -> str | None:
    """The highest role that a group of theirs has; None where none has one, or roles are not given by groups."""
    found = {role for group, role in admission.roles.items() if group in identity.groups}
    return max(found, key=ROLES.index, default=None)


def first_role(identity: Identity, admission: Admission) -> str:
    """The role of somebody who gets an account."""
    return role_of(identity, admission) or VIEWER


def refusal(identity: Identity, admission: Admission) -> str | None:
    """Why they may not sign in, as a gettext source; None when they may."""
    domain = identity.email.rpartition("@")[2].casefold()
    if admission.domains and domain not in {each.casefold() for each in admission.domains}:
        return N_("Only people with a verified e-mail address of certain domains may sign in here, and you have none.")
    if admission.roles and role_of(identity, admission) is None:
        return N_("Only members of certain groups may sign in here, and you are in none of them.")
    return None


def usernames(identity: Identity) -> Iterator[str]:
    """Names to try for a new account, best first. One that is taken stays its owner's."""
    wishes = [_usable(each) for each in (identity.username, identity.email, identity.email.partition("@")[0])]
    wishes = [each for each in dict.fromkeys(wishes) if len(each) >= 2] or ["user"]
    yield from wishes
    for number in range(2, _TRIES):
        yield f"{wishes[0][: _LONGEST_NAME - 3]}-{number}"


def _usable(name: str) -> str:
    return _UNUSABLE.sub("-", name).strip("-")[:_LONGEST_NAME]
