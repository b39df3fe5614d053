"""The key that signs tokens: made at the first start, 0600, outside the database."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from common.config import Settings
from common.errors import ConfigurationError

_KNOWN_SAMPLES = ("your-secret-key", "change-in-production", "changeme", "secretsecret")


def signing_key(settings: Settings) -> str:
    """The key, from the settings or from `keys/tokens.key` in the data folder; made there when it is missing.

    Raises ConfigurationError for a known sample, a short key, or a file that others may read.
    """
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value()
    else:
        path = settings.data_dir / "keys" / "tokens.key"
        _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigurationError(f"{path} may be read by others. Run: chmod 600 {path}")
        key = path.read_text().strip()
    if len(key) < 32 or any(sample in key.lower() for sample in _KNOWN_SAMPLES):
        raise ConfigurationError("The secret key is too short or a published sample. Remove it and Rota makes one.")
    return key


def _make(path: Path) -> None:
    """Create the key file, whole or not at all: of several processes that start at once one wins, all read the same."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
