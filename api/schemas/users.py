"""People, their keys and where they are signed in, as the API shows them."""

from typing import Any

from pydantic import Field

from api.schemas.base import Answer, Instant
from common.db.models import ApiKey, User


class UserOut(Answer):
    """A user."""

    id: int
    username: str
    display_name: str
    email: str
    role: str
    is_active: bool
    may_create_code: bool
    has_password: bool
    must_change_password: bool
    second_factor: bool
    created_at: Instant
    last_login_at: Instant | None

    @classmethod
    def values(cls, user: User) -> dict[str, Any]:
        """The fields of a user; never the hash or the secret."""
        derived = {"has_password": bool(user.password_hash), "second_factor": bool(user.totp_secret)}
        names = cls.model_fields.keys() - derived.keys()
        return {name: getattr(user, name) for name in names if hasattr(user, name)} | derived

    @classmethod
    def of(cls, user: User) -> "UserOut":
        """The answer for a user."""
        return cls.model_validate(cls.values(user))


class NewUserOut(UserOut):
    """A new user; `invitation_url` is the one-time link of somebody without a password, shown once."""

    invitation_url: str | None = None


class InvitationOut(Answer):
    """A one-time link with which somebody chooses a password, shown once."""

    invitation_url: str
    expires_at: Instant


class IdentityOut(Answer):
    """A sign-in service that an account is connected with."""

    id: int
    issuer: str
    subject: str
    created_at: Instant
    last_login_at: Instant


class KeyOut(Answer):
    """An API key, without its text."""

    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None

    @classmethod
    def values(cls, row: ApiKey) -> dict[str, Any]:
        """The fields of a key."""
        plain = {name: getattr(row, name) for name in KeyOut.model_fields if name != "scopes"}
        return plain | {"scopes": row.scopes.split()}

    @classmethod
    def of(cls, row: ApiKey) -> "KeyOut":
        """The answer for a key."""
        return cls.model_validate(cls.values(row))


class NewKeyOut(KeyOut):
    """A new key. `key` is its text, shown once."""

    key: str


class SessionOut(Answer):
    """A sign-in; `current` is the one that asks."""

    id: str
    method: str
    address: str
    user_agent: str
    created_at: Instant
    last_seen_at: Instant | None
    expires_at: Instant
    current: bool = False


class TotpSecret(Answer):
    """A fresh secret for an authenticator app; nothing is switched on yet."""

    secret: str
    address: str = Field(description="The same as an `otpauth:` address, for a QR code.")


class RecoveryCodes(Answer):
    """Codes that stand in for the app once each, shown once."""

    recovery_codes: list[str]
