"""Errors that mean something to a person; `api.problems` turns them into answers.

DomainError                    400  a rule was broken
├── NotAuthenticated           401  no valid token or session
│   └── SecondFactorRequired   401  the password is right, a code is needed too
├── Forbidden                  403  signed in, not allowed
│   └── ActionRequired         403  first change the password, or set up the second factor
├── NotFound                   404  no such thing, or not yours
├── Conflict                   409  the thing is not in a state for this
│   └── KeyMissing             409  a secret cannot be decrypted on this machine
├── Invalid                    422  a field has a bad value; `field` names it
├── TooManyRequests            429  slow down; `retry_after` says how long (s)
└── Unavailable                503  the database is away; try again
ConfigurationError                  Rota cannot start as configured
"""

from collections.abc import Mapping


class DomainError(Exception):
    """A rule was broken. `message` is a gettext source string with `{name}` places for `params`."""

    status = 400
    code = "bad-request"
    title = "Bad request"

    def __init__(self, message: str, *, field: str | None = None, **params: object) -> None:
        super().__init__(message.format(**params) if params else message)
        self.message = message
        self.field = field
        self.params: Mapping[str, object] = params


class NotAuthenticated(DomainError):
    """No valid token or session."""

    status = 401
    code = "not-authenticated"
    title = "Not signed in"


class SecondFactorRequired(NotAuthenticated):
    """The password is right; a code of the second factor is needed too."""

    code = "second-factor-required"


class Forbidden(DomainError):
    """Signed in, but not allowed."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class ActionRequired(Forbidden):
    """Signed in, but something must be done first: a new password, a second factor."""

    code = "action-required"


class NotFound(DomainError):
    """No such thing, or not yours to see."""

    status = 404
    code = "not-found"
    title = "Not found"


class Conflict(DomainError):
    """The thing is not in a state in which this can be done."""

    status = 409
    code = "conflict"
    title = "Conflict"


class KeyMissing(Conflict):
    """A secret cannot be encrypted or decrypted on this machine; the text names the key and the way out."""

    code = "key-missing"
    title = "Encryption key missing"


class Invalid(DomainError):
    """A field has a bad value; `field` names it."""

    status = 422
    code = "invalid"
    title = "Invalid input"


class TooManyRequests(DomainError):
    """Too many tries; `retry_after` is in seconds."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"

    def __init__(self, message: str, *, retry_after: int, **params: object) -> None:
        super().__init__(message, field=None, retry_after=retry_after, **params)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """The database is away; nothing was changed."""

    status = 503
    code = "unavailable"
    title = "Try again"


class ConfigurationError(Exception):
    """Rota cannot start as configured; the text names the setting and the way out."""
