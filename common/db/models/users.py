"""People, and the sign-ins that their tokens and cookies are bound to."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, false, true
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, Ciphertext, UtcDateTime


class User(SQLModel, table=True):
    """Somebody who may sign in."""

    __tablename__ = "users"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    username: str = Field(max_length=64)
    #: Lower-case form; unique, so that "Admin" and "admin" are one account on every database.
    username_key: str = Field(max_length=64, unique=True)
    #: Empty for somebody who has no password: they were invited and have not come.
    password_hash: str = Field(max_length=255)
    role: str = Field(default="viewer", max_length=16)
    is_active: bool = True
    #: Whether an operator may create tasks that run code, and change what runs; administrators always may.
    may_create_code: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_login_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    display_name: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    #: Set by administrators only.
    email: str = Field(default="", max_length=255, sa_column_kwargs={"server_default": ""})
    #: Of the pages, from the next sign-in on; empty = what the browser asks for.
    language: str = Field(default="", max_length=8, sa_column_kwargs={"server_default": ""})
    must_change_password: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    #: The second factor's secret, sealed; None while it is off.
    totp_secret: str | None = Field(default=None, sa_type=Ciphertext)
    #: The newest time step whose code was used: no code works twice.
    totp_step: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class UserSession(SQLModel, table=True):
    """One sign-in: ending the row ends every token and cookie made from it."""

    __tablename__ = "user_sessions"
    __table_args__ = TABLE_OPTIONS

    id: str = Field(primary_key=True, max_length=32)
    user_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")], index=True)
    #: SHA-256 of the refresh token now valid; a used one presented again ends the session.
    refresh_hash: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    user_agent: str = Field(default="", max_length=255)
    #: How they proved who they are: password, invitation, setup, oidc.
    method: str = Field(default="password", max_length=16, sa_column_kwargs={"server_default": "password"})
    address: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    #: Written at most once a minute.
    last_seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SetupToken(SQLModel, table=True):
    """The one-time set-up link, as long as nobody has used it: one row, or none."""

    __tablename__ = "setup_token"
    __table_args__ = TABLE_OPTIONS

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    token_hash: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
