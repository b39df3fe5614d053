"""Where a one-time link leads."""

from fastapi import Request

from common.config import Settings


def public_url(request: Request) -> str:
    """Where people reach Rota, without a slash at the end: the setting, or what this request says."""
    settings: Settings = request.app.state.settings
    return (settings.public_url or str(request.base_url)).rstrip("/")


def invitation_url(request: Request, token: str) -> str:
    """The link with which somebody chooses a password."""
    return f"{public_url(request)}/ui/invitation?token={token}"
