"""Settings for a command, with its options put in; the data folder exists afterwards."""

import sys
from typing import NoReturn

import typer

from common.config import Settings, load, unknown_variables
from common.errors import ConfigurationError


def fail(message: str) -> NoReturn:
    """Say what is wrong in one line and end."""
    typer.echo(f"rota: {message}", err=True)
    sys.exit(2)


def settings_of(**given: object) -> Settings:
    """The settings with the options of the command line (None = not given). Raises ConfigurationError."""
    for name in unknown_variables():
        typer.echo(f"rota: {name} is not a setting and has no effect; docs/settings.md lists them all.", err=True)
    settings = load(**given)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"ROTA_DATA_DIR: {settings.data_dir} cannot be made: {error.strerror}. Name a folder you may write to."
        ) from None
    return settings
