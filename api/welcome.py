"""What the first start says: where Rota is, and how to sign in."""

import os
from pathlib import Path

from common.clock import Clock
from common.config import Settings
from common.db.session import Database
from common.errors import ConfigurationError, DomainError
from common.services import setup


def address(settings: Settings) -> str:
    """Where a browser on this machine finds Rota."""
    host = "localhost" if settings.host in ("0.0.0.0", "::", "127.0.0.1") else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def first_sign_in(settings: Settings, database: Database) -> str | None:
    """Make the first sign-in possible; returns the set-up link to show, None when nobody needs one.

    The link's token is kept in a file only its owner may read, so that a restart does not change the link.
    Raises ConfigurationError when ROTA_ADMIN_PASSWORD will not do.
    """
    file = settings.data_dir / "setup-link"
    password = settings.admin_password.get_secret_value() if settings.admin_password else None
    try:
        token = await setup.prepare(database, admin_password=password, known=_known_token(file), clock=Clock())
    except DomainError as error:
        raise ConfigurationError(f"ROTA_ADMIN_PASSWORD: {error}") from None
    if token is None:
        file.unlink(missing_ok=True)
        return None
    link = f"{address(settings)}/ui/setup?token={token}"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(f"{link}\n")
    return link


def _known_token(file: Path) -> str | None:
    try:
        return file.read_text().strip().partition("token=")[2] or None
    except OSError:
        return None


def welcome(settings: Settings, link: str | None) -> str:
    """The lines a person sees once Rota serves."""
    lines = ["", f"  Rota is at {address(settings)}"]
    if link is not None:
        lines += ["", "  Nobody can sign in yet. Open this link once to create the administrator:", f"  {link}"]
        lines += [f"  (it is also in {settings.data_dir / 'setup-link'})"]
    else:
        lines += ["  Sign in with your user name and password; forgotten: rota user password NAME"]
    return "\n".join([*lines, ""])
