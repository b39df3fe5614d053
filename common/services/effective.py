"""The settings this process runs with, and where each comes from; secrets are never among the values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import SecretStr
from sqlalchemy.engine import make_url

from common.config import PREFIX, Settings

Source = Literal["environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `value` is None where it is a secret or not set; `is_set` says which."""

    name: str
    value: str | None
    is_set: bool
    secret: bool
    source: Source
    description: str


def settings_of(settings: Settings, environ: Mapping[str, str] | None = None) -> list[Setting]:
    """Every setting in the order of `docs/settings.md`."""
    given = {name.upper() for name in (os.environ if environ is None else environ)}
    return [_setting(name, settings, given) for name in Settings.model_fields]


def _setting(name: str, settings: Settings, given: set[str]) -> Setting:
    field, value = Settings.model_fields[name], getattr(settings, name)
    variable = PREFIX + name.upper()
    source: Source = "default"
    if name in settings.model_fields_set:
        source = "environment" if variable in given else "file"
    secret = field.annotation is SecretStr or SecretStr in get_args(field.annotation)
    is_set = value not in (None, "", [], {})
    return Setting(variable, _shown(name, value) if is_set else None, is_set, secret, source, field.description or "")


def _shown(name: str, value: object) -> str | None:
    if name == "database_url" and isinstance(value, SecretStr):
        # Which server it is may be seen; a password can be anywhere in the rest of it.
        url = make_url(value.get_secret_value())
        return f"{url.get_backend_name()}, {url.host}/{url.database}" if url.host else url.get_backend_name()
    if isinstance(value, SecretStr):
        return None
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Path):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
